"""The record of an image with its truth, and what a look at a data set finds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from seewhy.base.errors import DataError, UsageError
from seewhy.data.files import shown
from seewhy.data.images import ReadPolicy
from seewhy.data.listing import FileImage
from seewhy.data.records import Failure

IGNORED = 255
"""The label of pixels that the truth leaves open."""


@dataclass(frozen=True, eq=False)
class LabelMap:
    """One class per pixel, by its position in the class names, or `IGNORED`.

    `background` is the label of what is no thing to look for, where there is one.
    """

    labels: UInt8[np.ndarray, "height width"]
    background: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.labels.shape
        return width, height

    @property
    def present(self) -> tuple[int, ...]:
        """The classes with at least one pixel, but for the background."""
        found = np.flatnonzero(np.bincount(self.labels.ravel()))
        return tuple(int(label) for label in found if label not in (IGNORED, self.background))

    @property
    def counted(self) -> Bool[np.ndarray, "height width"]:
        """The pixels that are not left open."""
        return np.asarray(self.labels != IGNORED)

    def mask(self, label: int) -> Bool[np.ndarray, "height width"]:
        """The pixels of a class."""
        return np.asarray(self.labels == label)


@dataclass(frozen=True, eq=False)
class ClassMasks:
    """A mask for each class that is present; masks of things may overlap. Every pixel counts."""

    size: tuple[int, int]
    masks: Mapping[int, Bool[np.ndarray, "_ _"]]

    @property
    def present(self) -> tuple[int, ...]:
        """The classes with a mask."""
        return tuple(sorted(self.masks))

    @property
    def counted(self) -> Bool[np.ndarray, "height width"]:
        """All pixels."""
        width, height = self.size
        return np.ones((height, width), dtype=bool)

    def mask(self, label: int) -> Bool[np.ndarray, "height width"]:
        """The pixels of a class; none where it is absent."""
        width, height = self.size
        return self.masks.get(label, np.zeros((height, width), dtype=bool))

    def label_map(self) -> LabelMap:
        """One class per pixel: where exactly one mask lies that class, elsewhere `IGNORED`."""
        width, height = self.size
        labels = np.full((height, width), IGNORED, dtype=np.uint8)
        times = np.zeros((height, width), dtype=np.int64)
        for label, mask in self.masks.items():
            labels[mask] = label
            times += mask
        labels[times != 1] = IGNORED
        return LabelMap(labels)


@dataclass(frozen=True)
class Tags:
    """The classes that an image bears, without saying where."""

    present: tuple[int, ...]


Truth = TypeVar("Truth", LabelMap, ClassMasks, Tags)


@dataclass(frozen=True, eq=False)
class Example(Generic[Truth]):
    """One image and its truth, both decoded."""

    image: Image.Image
    truth: Truth


@dataclass(frozen=True)
class LabelledRecord(Generic[Truth]):
    """One image with its truth, neither of them decoded yet.

    `id` is unique in its source and stable between runs. `read` and `read_truth` raise
    `DataError` with a code. Labels of the truth are positions in `class_names`.
    """

    id: str
    read: Callable[[], Image.Image]
    read_truth: Callable[[], Truth]
    class_names: tuple[str, ...]

    def example(self) -> Example[Truth]:
        """Both decoded; `DataError` with the code `size_mismatch` where they do not fit."""
        image, truth = self.read(), self.read_truth()
        if not isinstance(truth, Tags) and truth.size != image.size:
            raise DataError(
                "size_mismatch",
                f"the image of {self.id!r} is {image.size[0]} x {image.size[1]} pixels, its mask "
                f"{truth.size[0]} x {truth.size[1]}. Fetch both again.",
            )
        return Example(image, truth)


@dataclass(frozen=True)
class LabelledSource(Generic[Truth]):
    """The records of a data set, what never became one, and sentences for the report."""

    name: str
    class_names: tuple[str, ...]
    records: Sequence[LabelledRecord[Truth]]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place(Generic[Truth]):
    """Where the image of an id lies, and its truth: a reader, and the file that it reads."""

    id: str
    image: Path
    read_truth: Callable[[], Truth]
    truth: Path | None = None


def list_places(
    name: str,
    places: Iterable[Place[Truth] | Failure],
    *,
    class_names: Sequence[str],
    policy: ReadPolicy,
) -> LabelledSource[Truth]:
    """Records of the places whose files are there, failures of the others; decodes nothing.

    Raises `UsageError` where no record is left. Of places with one id, the first is taken.
    """
    records: dict[str, LabelledRecord[Truth]] = {}
    failures: list[Failure] = []
    repeated = 0
    for place in places:
        failure = place if isinstance(place, Failure) else _failure(place)
        if failure is not None:
            failures.append(failure)
        elif isinstance(place, Place) and place.id not in records:
            records[place.id] = LabelledRecord(
                place.id, FileImage(place.image, policy), place.read_truth, tuple(class_names)
            )
        else:
            repeated += 1
    if not records:
        first = [f"; the first of {len(failures)}: {each.message}" for each in failures[:1]]
        raise UsageError(f"{name} has no image with its truth{''.join(first) or '.'}")
    notes = (f"{repeated} ids come more than once; the first of each is taken",)
    return LabelledSource(
        name,
        tuple(class_names),
        tuple(records.values()),
        tuple(failures),
        notes if repeated else (),
    )


def _failure(place: Place[Truth]) -> Failure | None:
    if ".." in Path(place.id).parts or Path(place.id).is_absolute():
        return Failure(place.id, "outside", f"the id {place.id!r} leads out of the data set.")
    if _is_missing(place.image):
        return Failure(place.id, "missing", f"{shown(place.image)} does not exist.")
    if place.truth is not None and _is_missing(place.truth):
        return Failure(place.id, "missing_mask", f"{shown(place.truth)} does not exist.")
    return None


def _is_missing(path: Path) -> bool:
    try:
        return not path.exists()
    except OSError:  # Reading it will say why.
        return False
