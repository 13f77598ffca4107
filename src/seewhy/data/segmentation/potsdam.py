"""ISPRS Potsdam: aerial pictures in tiles, six classes."""

from pathlib import Path

from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.segmentation.labels import Codes, LabelFile
from seewhy.data.segmentation.layout import files_in, needed_folder
from seewhy.data.segmentation.records import IGNORED, LabelledSource, LabelMap, Place, list_places

POTSDAM_NAMES = (
    "impervious surface", "building", "low vegetation", "tree", "car", "clutter",
)  # fmt: skip

_CODES: Codes = {
    "colour": {
        0xFFFFFF: 0, 0x0000FF: 1, 0x00FFFF: 2, 0x00FF00: 3, 0xFFFF00: 4, 0xFF0000: 5,
        0x000000: IGNORED,
    },
    "index": {0: IGNORED, **{label + 1: label for label in range(6)}, 255: IGNORED},
}  # fmt: skip


def open_potsdam(
    root: Path, *, split: str = "val", policy: ReadPolicy = DEFAULT_POLICY
) -> LabelledSource[LabelMap]:
    """Potsdam below `root`/img_dir and `root`/ann_dir, whatever the size of its tiles.

    Label maps are the colours of the benchmark, or numbers from 1 as usual tools convert them;
    black and 0 are ignored.
    """
    images = needed_folder(root, f"img_dir/{split}")
    truths = needed_folder(root, f"ann_dir/{split}")
    places = []
    for path in files_in(images, (".png", ".tif", ".jpg")):
        truth = truths / f"{path.stem}.png"
        places.append(Place(path.stem, path, LabelFile(truth, _CODES, policy), truth))
    return list_places(f"Potsdam {split}", places, class_names=POTSDAM_NAMES, policy=policy)
