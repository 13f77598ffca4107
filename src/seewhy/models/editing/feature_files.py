"""Published files of region features: HDF5 of 36 a picture, one file a picture, base64 tables."""

import base64
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch

from seewhy.base.errors import DataError, UsageError
from seewhy.data.editing.region_lists import RegionFile, RegionRow
from seewhy.data.files import shown
from seewhy.data.records import Failure
from seewhy.models.editing.features import Boxes, ImageFeatures, Regions

TABLE_COLUMNS = ("image_id", "image_w", "image_h", "num_boxes", "boxes", "features")
_FEATURES, _PLACES = "image_features", "spatial_features"
_LONGEST_LINE = 64 * 2**20
# What zipfile and numpy raise for bytes that are no archive of arrays, or a damaged one.
_BROKEN = (
    *(OSError, ValueError, KeyError, EOFError, TypeError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error),
)


class FixedRegions:
    """One HDF5 file with as many regions for every picture, read row by row.

    Boxes are known where the file holds `spatial_features`; `image_bb` are pixels of pictures whose
    size it does not tell. Raises `UsageError` for a file without `image_features` (pictures,
    regions, channels), and where h5py is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _opened(path)
        self._features = self._array(_FEATURES, 3)
        self._places = self._array(_PLACES, 3) if _PLACES in self._file else None
        if self._places is not None and self._places.shape[:2] != self._features.shape[:2]:
            raise UsageError(
                f"{shown(path)} has features of shape {self._features.shape} and places of shape "
                f"{self._places.shape}; wanted is a place for each region. Extract it again."
            )
        self.width = int(self._features.shape[2])

    def __len__(self) -> int:
        return int(self._features.shape[0])

    def features(self, row: int) -> ImageFeatures:
        """The regions of a picture; `DataError` for a row that is not there or cannot be used."""
        if not 0 <= row < len(self):
            raise DataError("missing", f"{shown(self._path)} has {len(self)} rows, but no {row}.")
        boxes = None if self._places is None else _fractions(self._places[row])
        return _checked(self._features[row], boxes, where=f"row {row} of {shown(self._path)}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _array(self, name: str, axes: int) -> Any:
        found = self._file.get(name)
        if len(getattr(found, "shape", ())) != axes:
            raise UsageError(
                f"{shown(self._path)} has no array {name!r} of {axes} axes; it holds "
                f"{', '.join(sorted(self._file)) or 'nothing'}. Wanted is {_FEATURES!r} (pictures, "
                f"regions, channels) and, where places are known, {_PLACES!r}."
            )
        return found


@dataclass(frozen=True, eq=False)
class SplitRegions:
    """The HDF5 files of COCO's training and validation images, and the rows that belong to names.

    `names` are of the images of one split, `rows` as `read_region_rows` gives them.
    """

    files: dict[RegionFile, FixedRegions]
    rows: dict[str, RegionRow]

    @classmethod
    def of(
        cls, names: list[str], rows: list[RegionRow], files: dict[RegionFile, FixedRegions]
    ) -> "SplitRegions":
        """`UsageError` unless there is a row for each name, and the file of every row."""
        missing = {row.file for row in rows} - set(files)
        if len(names) != len(rows) or len(set(names)) != len(names) or missing:
            raise UsageError(
                f"{len(set(names))} different names of {len(names)}, {len(rows)} rows and the files"
                f" {sorted(files)} do not go together. Wanted is a row for each name, and the "
                "file of each row."
            )
        return cls(dict(files), dict(zip(names, rows, strict=True)))

    def features(self, name: str) -> ImageFeatures:
        """The regions of a picture by the name of its file; `DataError` where it has none."""
        if name not in self.rows:
            raise DataError("missing", f"{name!r} is in no list of region rows.")
        file, row = self.rows[name]
        return self.files[file].features(row)


class AdaptiveRegions:
    """A folder with a file `ID.npz` for each picture, its regions under `feat`.

    The files `ID.npy` with their means are not needed: networks here take the mean themselves.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"no folder {shown(folder)} of region features. Check the path.")
        self._folder = folder

    def features(self, image_id: str) -> ImageFeatures:
        """The regions of a picture; `DataError` where they are not there or cannot be used."""
        path = self._folder / f"{image_id}.npz"
        if path.parent != self._folder:
            raise DataError("outside", f"{image_id!r} is no name of a picture in the folder.")
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                regions = archive["feat"]
        except FileNotFoundError as error:
            raise DataError("missing", f"{shown(path)} does not exist.") from error
        except _BROKEN as error:
            raise DataError(
                "bad_entry",
                f"{shown(path)} cannot be read ({error}). Wanted is an npz file with the array "
                "'feat' (regions, channels) of plain numbers.",
            ) from error
        return _checked(regions, None, where=shown(path))


class TableRegions(NamedTuple):
    """A line of a table: a picture's id and its regions."""

    image_id: str
    features: ImageFeatures


def read_region_table(path: Path) -> Iterator[TableRegions | Failure]:
    """The pictures of a table of bottom-up attention, line by line; a broken line is a failure.

    Columns are parted by tabs: `TABLE_COLUMNS`, boxes in pixels and features as base64 of 32-bit
    numbers. Write them to a store where pictures are wanted in another order.
    """
    try:
        with path.open("rb") as stream:
            yield from _table(stream, path)
    except OSError as error:
        raise UsageError(f"cannot read {shown(path)}: {error.strerror or error}.") from error


def _table(stream: BinaryIO, path: Path) -> Iterator[TableRegions | Failure]:
    number = 0
    while line := stream.readline(_LONGEST_LINE + 1):
        number += 1
        where = f"line {number} of {shown(path)}"
        if len(line) > _LONGEST_LINE:
            raise UsageError(
                f"{where} has more than {_LONGEST_LINE:,} bytes, so it is no table of regions. "
                "Check the path."
            )
        if line.strip():
            try:
                yield _line(line, where)
            except DataError as error:
                yield Failure(f"line {number}", error.code, str(error))


def _line(line: bytes, where: str) -> TableRegions:
    cells = line.rstrip(b"\r\n").split(b"\t")
    try:
        image_id, width, height, count = (cell.decode("ascii") for cell in cells[:4])
        boxes, regions = (_decoded(cell, int(count)) for cell in cells[4:])
        if boxes.shape[1] != 4:
            raise ValueError(f"{boxes.shape[1]} numbers for a box")
        sides = np.array([int(width), int(height)] * 2, dtype=np.float32)
        if not (sides > 0).all():
            raise ValueError(f"a picture of {width} x {height} pixels")
        found = _checked(regions, _fractions(boxes / sides), where=where)
    except (ValueError, TypeError) as error:
        raise DataError(
            "bad_row",
            f"{where} cannot be read ({error}). Wanted are {', '.join(TABLE_COLUMNS)}, parted by "
            "tabs, the last two as base64 of 32-bit numbers. Extract the picture again.",
        ) from error
    return TableRegions(image_id, found)


def _decoded(cell: bytes, count: int) -> np.ndarray:
    numbers = np.frombuffer(base64.b64decode(cell, validate=True), dtype="<f4")
    if count < 1 or not len(numbers) or len(numbers) % count:
        raise ValueError(f"{len(numbers)} numbers for {count} boxes")
    return numbers.reshape(count, -1)


def _fractions(places: np.ndarray) -> Boxes:
    """The first four numbers of each place, cut to the image."""
    return torch.from_numpy(np.clip(np.array(places[:, :4], dtype=np.float32), 0, 1))


def _checked(regions: np.ndarray, boxes: Boxes | None, *, where: str) -> ImageFeatures:
    is_numeric = regions.ndim == 2 and regions.dtype.kind in "fiu"
    if not is_numeric:
        raise DataError(
            "bad_entry",
            f"{where} holds {regions.dtype} of shape {regions.shape}; wanted are numbers "
            "(regions, channels).",
        )
    numbers: Regions = torch.from_numpy(np.array(regions, dtype=np.float32))
    try:
        return ImageFeatures(numbers, boxes)
    except UsageError as error:
        raise DataError("non_finite", f"{where}: {error}") from error


def _opened(path: Path) -> Any:
    try:
        library: Any = import_module("h5py")
    except ImportError as error:
        raise UsageError(
            f"reading {shown(path)} needs h5py. Install it with: pip install 'seewhy[regions]'"
        ) from error
    try:
        return library.File(path, "r")
    except OSError as error:
        raise UsageError(
            f"{shown(path)} cannot be read as HDF5: {error}. Check the path, or fetch it again."
        ) from error
