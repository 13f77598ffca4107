"""What is kept of a pair: what each method showed, under the seal of the second image's folder."""

from typing import Final, Literal

from seewhy.results.seals import Record, SealedEntry, Seals

SCHEMA: Final = "seewhy.pair/1"


class Place(Record):
    """A pixel of an image as it was read: x to the right, y down, from 0."""

    x: int
    y: int


class Region(Record):
    """The connected part of the highest pixels of a map around the very highest, `peak`.

    The box is in pixels, right and bottom being outside it; `share` is that of the image.
    """

    peak: Place
    left: int
    top: int
    right: int
    bottom: int
    share: float


class Counterpart(Record):
    """The place of the other image that is most like a region by the encoder's own maps."""

    place: Place
    likeness: float


class ViewReading(Record):
    """One image of a pair: ends of its map, its top region, and what in the other is most like it.

    A map that is the same everywhere has no region.
    """

    low: float
    high: float
    region: Region | None
    counterpart: Counterpart | None


class MapReading(Record):
    """What one method showed; `picture` has both images with their maps and links."""

    method: str
    first: ViewReading
    second: ViewReading
    notes: list[str]
    picture: str


class PairEntry(SealedEntry):
    """Why the query and an image are alike; `similarity` is their cosine, -1 to 1."""

    schema_version: Literal["seewhy.pair/1"] = SCHEMA
    query: str
    similarity: float
    readings: list[MapReading]


SEALS: Final = Seals("pair.json", PairEntry)
