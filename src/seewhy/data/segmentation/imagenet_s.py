"""ImageNet-S50: ImageNet's validation images of 50 classes, with masks."""

from collections.abc import Mapping
from pathlib import Path

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.segmentation.labels import LabelFile
from seewhy.data.segmentation.layout import files_in, folders_in, needed_folder
from seewhy.data.segmentation.records import IGNORED, LabelledSource, LabelMap, Place, list_places

_CLASSES = 50
_MEANINGS = {**{each: each for each in range(_CLASSES + 1)}, 1000: IGNORED}


def open_imagenet_s(
    root: Path,
    *,
    split: str = "validation",
    names: Mapping[str, str] | None = None,
    policy: ReadPolicy = DEFAULT_POLICY,
) -> LabelledSource[LabelMap]:
    """ImageNet-S50 below `root`/ImageNetS50.

    Classes are the 50 folders in order, after "other", which has label 0. They go by WordNet
    ids, or by what `names` calls these.
    """
    images = needed_folder(root, f"ImageNetS50/{split}")
    truths = needed_folder(root, f"ImageNetS50/{split}-segmentation")
    folders = folders_in(images)
    if len(folders) != _CLASSES:
        raise UsageError(
            f"{shown(images)} has {len(folders)} folders of classes; labels count all "
            f"{_CLASSES} in order. Fetch the missing ones, or take out what is no class."
        )
    spoken = names or {}
    places = [
        _place(path, truths / folder.name / f"{path.stem}.png", policy)
        for folder in folders
        for path in files_in(folder, (".jpeg", ".jpg"))
    ]
    class_names = ("other", *(spoken.get(folder.name, folder.name) for folder in folders))
    return list_places(f"ImageNet-S50 {split}", places, class_names=class_names, policy=policy)


def _place(image: Path, truth: Path, policy: ReadPolicy) -> Place[LabelMap]:
    reader = LabelFile(truth, {"red-green": _MEANINGS}, policy, background=0)
    return Place(f"{image.parent.name}/{image.stem}", image, reader, truth)
