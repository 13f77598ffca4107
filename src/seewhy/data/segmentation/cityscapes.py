"""Cityscapes: streets, 19 classes."""

from pathlib import Path

from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.segmentation.labels import LabelFile
from seewhy.data.segmentation.layout import files_in, folders_in, needed_folder
from seewhy.data.segmentation.records import IGNORED, LabelledSource, LabelMap, Place, list_places

CITYSCAPES_NAMES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign",
    "vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train",
    "motorcycle", "bicycle",
)  # fmt: skip

_IMAGE = "_leftImg8bit.png"
_EVALUATED = (7, 8, 11, 12, 13, 17, *range(19, 29), 31, 32, 33)
_TRAIN_IDS = {**{each: each for each in range(19)}, 255: IGNORED}
_IDS = {
    **dict.fromkeys((*range(34), 255), IGNORED),
    **{stored: label for label, stored in enumerate(_EVALUATED)},
}


def open_cityscapes(
    root: Path, *, split: str = "val", policy: ReadPolicy = DEFAULT_POLICY
) -> LabelledSource[LabelMap]:
    """Cityscapes below `root`/leftImg8bit and `root`/gtFine.

    Of an image's two label maps, labelTrainIds is taken where it is there, else labelIds.
    """
    images = needed_folder(root, f"leftImg8bit/{split}")
    truths = needed_folder(root, f"gtFine/{split}")
    places = [
        _place(path, truths / city.name, policy)
        for city in folders_in(images)
        for path in files_in(city, (".png",))
        if path.name.endswith(_IMAGE)
    ]
    name = f"Cityscapes {split}"
    return list_places(name, places, class_names=CITYSCAPES_NAMES, policy=policy)


def _place(image: Path, truths: Path, policy: ReadPolicy) -> Place[LabelMap]:
    stem = image.name.removesuffix(_IMAGE)
    truth, meanings = truths / f"{stem}_gtFine_labelTrainIds.png", _TRAIN_IDS
    if not truth.exists():
        truth, meanings = truths / f"{stem}_gtFine_labelIds.png", _IDS
    return Place(stem, image, LabelFile(truth, {"index": meanings}, policy), truth)
