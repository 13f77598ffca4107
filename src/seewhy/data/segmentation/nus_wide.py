"""NUS-WIDE: photographs with the 81 concepts that they bear."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.records import Failure
from seewhy.data.segmentation.layout import needed_folder, needed_lines
from seewhy.data.segmentation.records import LabelledSource, Place, Tags, list_places

_BROKEN = 2


def open_nus_wide(
    root: Path,
    *,
    split: Literal["Test", "Train"] = "Test",
    images: str = "Flickr",
    policy: ReadPolicy = DEFAULT_POLICY,
) -> LabelledSource[Tags]:
    """NUS-WIDE below `root`, its photographs in the folder `images`.

    Photographs that are gone are failures, those without any concept are records without tags:
    published figures differ in what they drop, so say how many were used.
    """
    folder = needed_folder(root, images)
    lists = needed_folder(root, "ImageList")
    truths = needed_folder(root, "Groundtruth/TrainTestLabels")
    concepts = needed_lines(needed_folder(root, "ConceptsList") / "Concepts81.txt", policy=policy)
    names = [
        line.replace("\\", "/")
        for line in needed_lines(lists / f"{split}Imagelist.txt", policy=policy)
    ]
    columns = [
        _column(truths / f"Labels_{concept}_{split}.txt", len(names), policy)
        for concept in concepts
    ]
    return list_places(
        f"NUS-WIDE {split}",
        _places(folder, names, np.stack(columns, axis=1)),
        class_names=[concept.replace("_", " ") for concept in concepts],
        policy=policy,
    )


def _places(
    folder: Path, names: list[str], table: UInt8[np.ndarray, "images concepts"]
) -> Iterator[Place[Tags] | Failure]:
    for name, row in zip(names, table, strict=True):
        if (row == _BROKEN).any():
            yield Failure(name, "bad_label", f"the image {name!r} has a label that is not 0 or 1.")
        else:
            tags = Tags(tuple(int(label) for label in np.flatnonzero(row)))
            yield Place(name, folder / name, partial(_same, tags))


def _same(tags: Tags) -> Tags:
    return tags


def _column(path: Path, images: int, policy: ReadPolicy) -> UInt8[np.ndarray, " images"]:
    lines = needed_lines(path, policy=policy)
    if len(lines) != images:
        raise UsageError(
            f"{shown(path)} labels {len(lines)} images, the list names {images}. Take both from "
            "one release."
        )
    values = {"0": 0, "1": 1}
    return np.array([values.get(line, _BROKEN) for line in lines], dtype=np.uint8)
