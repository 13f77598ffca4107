"""Camouflaged objects: COD10K, and CAMO, CHAMELEON and NC4K in the same layout."""

from pathlib import Path

from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.segmentation.labels import Codes, LabelFile
from seewhy.data.segmentation.layout import files_in, needed_folder
from seewhy.data.segmentation.records import LabelledSource, LabelMap, Place, list_places

CAMOUFLAGE_NAMES = ("background", "camouflaged object")

_CODES: Codes = {"grey": {0: 0, 1: 1}}


def open_camouflage(
    root: Path, *, name: str = "COD10K", policy: ReadPolicy = DEFAULT_POLICY
) -> LabelledSource[LabelMap]:
    """The data set `name` below `root`/TestDataset; masks are where truths are above 128."""
    images = needed_folder(root, f"TestDataset/{name}/Imgs")
    truths = needed_folder(root, f"TestDataset/{name}/GT")
    places = []
    for path in files_in(images, (".jpg", ".png")):
        truth = truths / f"{path.stem}.png"
        reader = LabelFile(truth, _CODES, policy, background=0)
        places.append(Place(path.stem, path, reader, truth))
    return list_places(name, places, class_names=CAMOUFLAGE_NAMES, policy=policy)
