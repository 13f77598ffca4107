"""The page of pairs: what was asked, the neighbours in a row, and each pair with its links."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seewhy.data.records import Failure
from seewhy.report.gallery import chosen_cards, thumbnail_uri
from seewhy.report.jobs import JobPage, opened
from seewhy.report.page import IMAGE_BUDGET, Page
from seewhy.results.files import output_path
from seewhy.results.seals import entry_folder
from seewhy.similarity.document import PairsDocument, PairSummary
from seewhy.similarity.entries import SEALS, MapReading, PairEntry
from seewhy.similarity.pairs import PAIR, THUMBNAIL

QUERY = "query.png"
MOST_CARDS = 100
_PICTURE_SIDE = 760

READING = (
    "The query is on the left. Red is above zero, blue below; full colour stands for the absolute "
    "value that 2 % of that image's own map exceed. A yellow line surrounds the top region of "
    "each image and joins the two. A dashed line leads from a top region to the ringed place of "
    "the other image that is most like it by the encoder's own maps."
)


@dataclass(frozen=True)
class Sight:
    """What one method showed, as it is drawn."""

    reading: MapReading
    uri: str


@dataclass(frozen=True)
class Card:
    """A pair with all that was shown of it."""

    entry: PairEntry
    pair: PairSummary
    uri: str
    sights: tuple[Sight, ...]

    @property
    def weight(self) -> int:
        """Characters of pictures."""
        return len(self.uri) + sum(len(each.uri) for each in self.sights)


@dataclass(frozen=True)
class Thumbnail:
    """A neighbour in the row of all."""

    pair: PairSummary
    uri: str


def write_page(document: PairsDocument, output: Path, *, failures: Sequence[Failure]) -> Path:
    """Write `report.html` from the folders of the document's pairs."""
    pairs = {each.image: each for each in document.pairs}
    cards = chosen_cards(
        list(pairs), partial(_card, output, pairs), budget=IMAGE_BUDGET, most=MOST_CARDS
    )
    row = [
        Thumbnail(each, thumbnail_uri(entry_folder(output, each.image) / THUMBNAIL))
        for each in document.pairs[:MOST_CARDS]
    ]
    page = compose_page(
        document, cards, row=row, query=thumbnail_uri(output / QUERY), failures=failures
    )
    return page.write(output_path(output, "report.html"))


def compose_page(
    document: PairsDocument,
    cards: Sequence[Card],
    *,
    row: Sequence[Thumbnail],
    query: str,
    failures: Sequence[Failure],
) -> Page:
    """The page, from the document, its pairs, and what could not be used."""
    job = JobPage(
        "seewhy.similarity",
        document,
        failures,
        {
            "cards": cards,
            "row": row,
            "query": query,
        },
    )
    sections = [job.section("What was asked", "asked")]
    if document.gallery:
        sections.append(job.section("The nearest images", "nearest"))
    sections += [
        job.section("What makes them alike", "pairs", lead=READING),
        job.section("Before you believe it", "caution"),
    ]
    return job.page(
        "Why these images are alike",
        sections,
        kind="pairs",
        subtitle=_subtitle(document),
        footer="Made by seewhy; pairs.parquet and pairs.csv have every map in figures.",
    )


def _subtitle(document: PairsDocument) -> str:
    if document.gallery:
        count = len(document.pairs)
        nearest = "the nearest image" if count == 1 else f"the {count} nearest images"
        return f"{nearest} of {document.gallery.images} to one query, read by {document.encoder}"
    return f"two images, read by {document.encoder}"


def _card(output: Path, pairs: dict[str, PairSummary], identity: str) -> Card | None:
    found = opened(output, identity, SEALS)
    if found is None:
        return None
    folder, entry = found
    return Card(
        entry,
        pairs[identity],
        thumbnail_uri(folder / PAIR, side=_PICTURE_SIDE),
        tuple(
            Sight(each, thumbnail_uri(folder / each.picture, side=_PICTURE_SIDE, palette="marked"))
            for each in entry.readings
        ),
    )
