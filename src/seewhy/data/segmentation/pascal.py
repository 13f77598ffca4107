"""PASCAL VOC 2012, and PASCAL Context with its 59 classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.segmentation.labels import LabelFile
from seewhy.data.segmentation.layout import needed_folder, needed_lines
from seewhy.data.segmentation.records import IGNORED, LabelledSource, LabelMap, Place, list_places

VOC_NAMES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa",
    "train", "tv monitor",
)  # fmt: skip

CONTEXT_NAMES = (
    "aeroplane", "bag", "bed", "bedclothes", "bench", "bicycle", "bird", "boat", "book", "bottle",
    "building", "bus", "cabinet", "car", "cat", "ceiling", "chair", "cloth", "computer", "cow",
    "cup", "curtain", "dog", "door", "fence", "floor", "flower", "food", "grass", "ground",
    "horse", "keyboard", "light", "motorbike", "mountain", "mouse", "person", "plate", "platform",
    "potted plant", "road", "rock", "sheep", "shelves", "sidewalk", "sign", "sky", "snow", "sofa",
    "table", "track", "train", "tree", "truck", "tv monitor", "wall", "water", "window", "wood",
)  # fmt: skip

Background = Literal["counted", "ignored"]
"""Whether pixels of no class count as one more class, the first, or are left open."""


def open_voc(
    root: Path,
    *,
    split: str = "val",
    background: Background = "counted",
    policy: ReadPolicy = DEFAULT_POLICY,
) -> LabelledSource[LabelMap]:
    """PASCAL VOC 2012 below `root`/VOCdevkit/VOC2012.

    `split` names a list in ImageSets/Segmentation, such as "train". Void borders are ignored.
    """
    layout = _Layout("VOCdevkit/VOC2012", "SegmentationClass", "Segmentation")
    return _listed(root, layout, split=split, background=background, policy=policy)


def open_context(
    root: Path,
    *,
    split: str = "val",
    background: Background = "ignored",
    policy: ReadPolicy = DEFAULT_POLICY,
) -> LabelledSource[LabelMap]:
    """PASCAL Context below `root`/VOCdevkit/VOC2010, with label maps in SegmentationClassContext.

    Figures "on 59 classes" ignore the background, those "on 60" count it.
    """
    layout = _Layout("VOCdevkit/VOC2010", "SegmentationClassContext", "SegmentationContext")
    return _listed(root, layout, split=split, background=background, policy=policy)


@dataclass(frozen=True)
class _Layout:
    folder: str
    masks: str
    lists: str

    @property
    def names(self) -> tuple[str, ...]:
        return CONTEXT_NAMES if "Context" in self.masks else VOC_NAMES


def _listed(
    root: Path, layout: _Layout, *, split: str, background: Background, policy: ReadPolicy
) -> LabelledSource[LabelMap]:
    images = needed_folder(root, f"{layout.folder}/JPEGImages")
    masks = needed_folder(root, f"{layout.folder}/{layout.masks}")
    lists = needed_folder(root, f"{layout.folder}/ImageSets/{layout.lists}")
    names, meanings = _classes(layout.names, background)
    first = 0 if background == "counted" else None
    places = []
    for name in needed_lines(lists / f"{split}.txt", policy=policy):
        truth = masks / f"{name}.png"
        reader = LabelFile(truth, {"index": meanings}, policy, background=first)
        places.append(Place(name, images / f"{name}.jpg", reader, truth))
    return list_places(f"{layout.folder} {split}", places, class_names=names, policy=policy)


def _classes(
    names: Sequence[str], background: Background
) -> tuple[tuple[str, ...], Mapping[int, int]]:
    stored = range(len(names) + 1)
    if background == "counted":
        return ("background", *names), {**{each: each for each in stored}, 255: IGNORED}
    shifted = {each: each - 1 for each in stored if each}
    return tuple(names), {0: IGNORED, **shifted, 255: IGNORED}
