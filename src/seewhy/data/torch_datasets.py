"""Any map-style Dataset of torch (or object like it) to records."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from jaxtyping import Shaped, UInt8
from PIL import Image
from torch import Tensor

from seewhy.base.errors import DataError, UsageError
from seewhy.data.images import ReadPolicy, check_size, finish_image, read_image
from seewhy.data.listing import Columns, Listing, Row, list_rows
from seewhy.data.records import Failure

_CHANNELS = (1, 3, 4)
_TRIED_ITEMS = 10


@runtime_checkable
class MapDataset(Protocol):
    """Anything with a length and items by position."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True)
class DatasetItem:
    """An item taken apart: the image as it came, and the other values by name."""

    image: Any
    cells: Mapping[str, object]


def list_dataset(dataset: MapDataset, columns: Columns, *, policy: ReadPolicy) -> Listing:
    """One record per item; ids are positions.

    Items are an image, (image,), (image, label), or a mapping; images are PIL, encoded bytes, a
    path, uint8 values or floats 0..1. All items are fetched once for their labels, unless the
    data set has `targets` that agree with its first item, and again when an image is read.
    """
    if columns.split is not None:
        raise UsageError("a Dataset is one split already; leave `split` out.")
    reader = _DatasetReader(dataset, columns, policy)
    reader.check_first()
    return list_rows(reader.rows(), reader.columns, where=type(dataset).__name__)


class _DatasetReader:
    def __init__(self, dataset: MapDataset, columns: Columns, policy: ReadPolicy) -> None:
        self.dataset = dataset
        self.policy = policy
        self.columns = Columns(image="image", label="label")
        self._wanted = columns
        self._classes: Sequence[object] = getattr(dataset, "classes", None) or ()

    def check_first(self) -> None:
        """Settle the columns; refuse a data set whose items cannot be understood."""
        for index in range(min(len(self.dataset), _TRIED_ITEMS)):
            try:
                item = self._fetch(index)
                if isinstance(item, Mapping):
                    names = [str(name) for name in item]
                    self.columns = self._wanted.chosen(names, where="an item of the Dataset")
                image_of(self._taken_apart(item).image, name=f"item {index}", policy=self.policy)
                return
            except DataError as error:
                if error.code == "ambiguous":
                    raise UsageError(str(error)) from error

    def rows(self) -> Iterator[Row | Failure]:
        """One row per item; an item that raises is a failure."""
        targets = self._agreeing_targets()
        for index in range(len(self.dataset)):
            read = partial(self.read, index)
            try:
                cells = self.cells(index) if targets is None else {"label": targets[index]}
                yield Row(str(index), read, self._with_class_name(cells))
            except DataError as error:
                yield Failure(str(index), error.code, str(error))

    def cells(self, index: int) -> Mapping[str, object]:
        """The values beside the image."""
        return self._taken_apart(self._fetch(index)).cells

    def read(self, index: int) -> Image.Image:
        """The image of one item."""
        item = self._taken_apart(self._fetch(index))
        return image_of(item.image, name=f"item {index}", policy=self.policy)

    def _fetch(self, index: int) -> Any:
        try:
            return self.dataset[index]
        except Exception as error:  # The data set is the user's and may raise anything.
            raise DataError(
                "unreadable", f"item {index}: {type(error).__name__}: {error}."
            ) from error

    def _taken_apart(self, item: Any) -> DatasetItem:
        match item:
            case Mapping():
                if self.columns.image not in item:
                    raise DataError("missing_value", f"the item has no {self.columns.image!r}.")
                cells = {str(name): _plain(value) for name, value in item.items()}
                del cells[str(self.columns.image)]
                kept = {name: value for name, value in cells.items() if value is not None}
                return DatasetItem(item[self.columns.image], kept)
            case (image,):
                return DatasetItem(image, {})
            case (image, label) if not isinstance(item, np.ndarray | Tensor):
                return DatasetItem(image, {"label": _plain(label)})
            case tuple() | list():
                raise DataError(
                    "ambiguous",
                    f"an item is a sequence of {len(item)} values; wanted are an image, (image, "
                    "label), or a dict with named values.",
                )
            case _:
                return DatasetItem(item, {})

    def _agreeing_targets(self) -> list[object] | None:
        targets = getattr(self.dataset, "targets", None)
        if not isinstance(targets, list | tuple | Tensor | np.ndarray):
            return None
        values = [_plain(target) for target in targets]
        try:
            first = self.cells(0)
        except DataError:
            return None
        agree = len(values) == len(self.dataset) and first == {"label": values[0]}
        return values if agree else None

    def _with_class_name(self, cells: Mapping[str, object]) -> Mapping[str, object]:
        label = cells.get(str(self.columns.label))
        if not self._classes or not isinstance(label, int):
            return cells
        if not 0 <= label < len(self._classes):
            raise DataError(
                "bad_label", f"the label {label} is none of the {len(self._classes)} classes."
            )
        return {**cells, str(self.columns.label): str(self._classes[label])}


def image_of(value: Any, *, name: str, policy: ReadPolicy) -> Image.Image:
    """RGB from what a Dataset gives as an image; `ambiguous` when it is not clear what that is."""
    match value:
        case Image.Image():
            return finish_image(value, name=name, policy=policy)
        case bytes() | Path():
            return read_image(value, policy=policy)
        case str():
            return read_image(Path(value), policy=policy)
        case Tensor():
            array = value.detach().cpu()
            array = array.float() if array.dtype == torch.bfloat16 else array
            pixels = _bytes(_as_rows(array.numpy(), name), name)
        case np.ndarray():
            pixels = _bytes(_as_rows(value, name), name)
        case _:
            raise _ambiguous(name, f"a {type(value).__name__}")
    check_size((pixels.shape[1], pixels.shape[0]), name=name, policy=policy)
    flat = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    return finish_image(Image.fromarray(np.ascontiguousarray(flat)), name=name, policy=policy)


def _as_rows(
    array: Shaped[np.ndarray, "..."], name: str
) -> Shaped[np.ndarray, "height width channels"]:
    if array.ndim == 2:
        return array[:, :, None]
    first = array.ndim == 3 and array.shape[0] in _CHANNELS
    last = array.ndim == 3 and array.shape[2] in _CHANNELS
    if first == last:
        raise _ambiguous(name, f"an array of shape {array.shape}")
    return array.transpose(1, 2, 0) if first else array


def _bytes(
    values: Shaped[np.ndarray, "height width channels"], name: str
) -> UInt8[np.ndarray, "height width channels"]:
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind != "f":
        raise _ambiguous(name, f"an array of {values.dtype}")
    if not np.isfinite(values).all():
        raise DataError("non_finite", f"{name} has NaN or infinite pixels.")
    if values.size and (values.min() < 0 or values.max() > 1):
        found = f"floats from {values.min():.3g} to {values.max():.3g}, perhaps normalised"
        raise _ambiguous(name, found)
    return cast("UInt8[np.ndarray, 'height width channels']", np.rint(values * 255).astype("u1"))


def _plain(value: object) -> object:
    """A label or attribute as a plain value; None for what is no single value."""
    if isinstance(value, Tensor):
        return value.item() if value.numel() == 1 else None
    if isinstance(value, np.ndarray | np.generic):
        return value.item() if value.size == 1 else None
    return value if isinstance(value, str | int | float) else None


def _ambiguous(name: str, found: str) -> DataError:
    return DataError(
        "ambiguous",
        f"{name} is {found}; wanted are a PIL image, uint8 or float 0..1 values of shape "
        "(1 | 3 | 4, height, width), (height, width, 1 | 3 | 4) or (height, width). "
        "Leave normalisation to the model's preprocessing.",
    )
