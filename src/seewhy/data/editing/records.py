"""The record of an image, the caption that it has, and what is right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from PIL import Image

from seewhy.data.editing.corruption import Corruption
from seewhy.data.records import Failure

Words = tuple[str, ...]
RegionBox = tuple[float, float, float, float]
"""Left, top, right and bottom as fractions of the image's sides."""


@dataclass(frozen=True)
class EditRecord:
    """An image, its existing caption as words, and captions that are right.

    `id` is unique in its source. `truths` are the references, of which a drawn picture has one.
    `boxes` are regions of the image where they are known, and `corruptions` the faults of the
    caption, so none also where they are not known. `read` gives the image (mode RGB) or raises
    `DataError` with a code; it is None where only features of the image are at hand.
    """

    id: str
    caption: Words
    truths: tuple[Words, ...]
    boxes: tuple[RegionBox, ...] = ()
    corruptions: tuple[Corruption, ...] = ()
    read: Callable[[], Image.Image] | None = field(default=None, compare=False, repr=False)

    @property
    def truth(self) -> Words:
        """The first caption that is right."""
        return self.truths[0]


@dataclass(frozen=True)
class EditRecords:
    """The records of a file and what never became one."""

    name: str
    records: Sequence[EditRecord]
    failures: tuple[Failure, ...] = ()
