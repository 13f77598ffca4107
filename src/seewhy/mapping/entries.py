"""What is kept of an image: a row for each of its maps, under the seal of its folder."""

from typing import Final, Literal

from seewhy.results.seals import Record, SealedEntry, Seals

SCHEMA: Final = "seewhy.image-maps/1"


class MapRow(Record):
    """One map in figures; the place of its highest patch is in pixels, x to the right, y down.

    A map that no gradient reaches has none but the similarity of the whole image.
    """

    image: str
    text: str
    method: str
    similarity: float
    low: float | None
    high: float | None
    x: int | None
    y: int | None
    positive: float | None
    picture: str


class ImageEntry(SealedEntry):
    """The maps of an image."""

    schema_version: Literal["seewhy.image-maps/1"] = SCHEMA
    rows: list[MapRow]


SEALS: Final = Seals("maps.json", ImageEntry)
