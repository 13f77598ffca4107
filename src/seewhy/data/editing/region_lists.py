"""Which row of which file of published region features belongs to which image."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from seewhy.base.errors import UsageError
from seewhy.data.editing.karpathy import CaptionedImage
from seewhy.data.editing.tables import json_table, whole_number
from seewhy.data.files import shown
from seewhy.data.narration.entries import EntryFile

RegionFile = Literal["t", "v"]
"""The features of COCO's training images, or of its validation images."""

_KIND, _WANTED = "list of region rows", '[["t", 0], ["v", 12], ...]: a file and a row in it'
_INDEX_KIND, _INDEX_WANTED = "index of regions", '{"100": 0, "107": 1, ...}: image id to row'


class RegionRow(NamedTuple):
    """A file and the row of an image in it."""

    file: RegionFile
    row: int


@dataclass(frozen=True)
class RegionIndex:
    """Rows by image id, of the training file and of the validation file."""

    train: Mapping[str, int]
    validation: Mapping[str, int]

    def row(self, image_id: str) -> RegionRow | None:
        """The row of an image; None where it is in neither file."""
        if image_id in self.train:
            return RegionRow("t", self.train[image_id])
        if image_id in self.validation:
            return RegionRow("v", self.validation[image_id])
        return None

    def rows(self, images: Iterable[CaptionedImage]) -> list[RegionRow]:
        """The row of each image; `UsageError` for an image in neither file."""
        return [self._known_row(image) for image in images]

    def _known_row(self, image: CaptionedImage) -> RegionRow:
        row = self.row(image.id)
        if row is None:
            raise UsageError(
                f"image {image.id} ({image.file_name}) is in neither index of regions. Extract "
                "its features, or leave the image out."
            )
        return row


def read_region_index(path: Path) -> dict[str, int]:
    """Image ids and rows; `UsageError` for anything else, and for a pickled index."""
    table = json_table(path, kind=_INDEX_KIND, wanted=_INDEX_WANTED)
    return {
        key: whole_number(row, where=f"the row of image {key!r:.40} in {shown(path)}")
        for key, row in table.items()
    }


def read_region_rows(path: Path) -> list[RegionRow]:
    """The rows of a split's images in their order; `UsageError` for anything else."""
    file = EntryFile(path, _KIND, _WANTED)
    return [_region_row(entry, number, path) for number, entry in enumerate(file.sequence())]


def _region_row(entry: object, number: int, path: Path) -> RegionRow:
    where = f"entry {number} of {shown(path)}"
    match entry:
        case ["t", row]:
            return RegionRow("t", whole_number(row, where=where))
        case ["v", row]:
            return RegionRow("v", whole_number(row, where=where))
        case _:
            raise UsageError(f"{where} is {entry!r:.60}. Wanted is {_WANTED}.")
