"""Files whose pixels are labels, in each way that data sets store them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from seewhy.base.errors import DataError
from seewhy.data.files import shown
from seewhy.data.images import ReadPolicy, read_stored
from seewhy.data.segmentation.records import LabelMap

Storage = Literal["index", "red-green", "colour", "grey"]
"""One number per pixel; R + 256 G; 65536 R + 256 G + B; or 1 where brighter than 128, else 0."""

_INDEXED = ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")
_COLOURED = ("RGB", "RGBA")

Codes = Mapping[Storage, Mapping[int, int]]


@dataclass(frozen=True)
class LabelFile:
    """The label map in a file; `codes` tells, for each storage it may have, what numbers mean."""

    path: Path
    codes: Codes
    policy: ReadPolicy
    background: int | None = None

    def __call__(self) -> LabelMap:
        """Decode it.

        Raises `DataError`: `bad_mask` for another storage, `bad_label` for unknown numbers.
        """
        image = read_stored(self.path, policy=self.policy)
        storage = next((each for each in self.codes if _fits(each, image.mode)), None)
        if storage is None:
            raise DataError(
                "bad_mask",
                f"{shown(self.path)} has colour mode {image.mode}; wanted: "
                f"{' or '.join(self.codes)} labels. Take the file as the data set has it.",
            )
        values = _values(image, storage)
        return LabelMap(_decoded(values, self.codes[storage], self.path), self.background)


def _fits(storage: Storage, mode: str) -> bool:
    match storage:
        case "grey":
            return True
        case "index":
            return mode in _INDEXED
        case _:
            return mode in _COLOURED


def _values(image: Image.Image, storage: Storage) -> Int[np.ndarray, "height width"]:
    if storage == "grey":
        return (np.asarray(image.convert("L")) > 128).astype(np.int32)
    if storage == "index":
        return np.asarray(image).astype(np.int32)
    # One channel after the other, for tiles of aerial pictures are large.
    red, green, blue = (np.asarray(image.getchannel(name)) for name in "RGB")
    if storage == "red-green":
        return np.asarray(green.astype(np.int32) * 256 + red)
    return np.asarray((red.astype(np.int32) * 256 + green) * 256 + blue)


def _decoded(
    values: Int[np.ndarray, "height width"], meanings: Mapping[int, int], path: Path
) -> UInt8[np.ndarray, "height width"]:
    known = np.array(sorted(meanings), dtype=np.int32)
    places = np.searchsorted(known, values).clip(max=len(known) - 1)
    wrong = known[places] != values
    if wrong.any():
        some = ", ".join(str(value) for value in np.unique(values[wrong])[:5])
        raise DataError(
            "bad_label", f"{shown(path)} has the values {some}, which the data set does not define."
        )
    labels = np.array([meanings[int(value)] for value in known], dtype=np.uint8)
    return np.asarray(labels[places])
