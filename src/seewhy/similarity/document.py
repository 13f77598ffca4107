"""What a run of pairs was about and came to, as one JSON document."""

from typing import Final, Literal

from pydantic import JsonValue

from seewhy.results.seals import Record

SCHEMA: Final = "seewhy.pairs/1"
DOCUMENT = "pairs.json"


class QueryFacts(Record):
    """The first image of all pairs."""

    image: str
    width: int
    height: int


class PairSummary(Record):
    """One pair; ranks begin at 1, and are None for two images that were named."""

    image: str
    rank: int | None
    similarity: float
    folder: str


class GallerySummary(Record):
    """The cosines of a query with all usable images of a gallery, and how many these are."""

    name: str
    images: int
    lowest: float
    median: float
    highest: float


class PairsDocument(Record):
    """What was asked, of which images, what came out, and what a reader should know."""

    schema_version: Literal["seewhy.pairs/1"] = SCHEMA
    encoder: str
    methods: list[str]
    query: QueryFacts
    gallery: GallerySummary | None
    pairs: list[PairSummary]
    failed: int
    notes: list[str]
    settings: dict[str, JsonValue]
    versions: dict[str, str]
    question: str
