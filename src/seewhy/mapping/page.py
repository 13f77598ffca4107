"""The page of maps: what was asked, how to read it, and a gallery that fits."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seewhy.data.records import Failure
from seewhy.mapping.document import MapsDocument
from seewhy.mapping.entries import SEALS, ImageEntry, MapRow
from seewhy.mapping.images import THUMBNAIL
from seewhy.report.gallery import chosen_cards, thumbnail_uri
from seewhy.report.jobs import JobPage, opened
from seewhy.report.page import IMAGE_BUDGET, Page
from seewhy.results.files import output_path

MOST_CARDS = 200
MOST_PICTURES = 24
"""Maps of one image that its card has room for."""

READING = {
    "signed": "Red is above zero, blue is below, grey is zero. The fullest colour stands for the "
    "largest absolute value of a method in an image, over all its texts: a text that is pale "
    "beside another has little to point at.",
    "published": "From blue to red, each map by itself: red is the highest place of this map, "
    "however low that is. Every text has a red place, also one that the image does not show.",
}


@dataclass(frozen=True)
class MapPicture:
    """One map on a card."""

    row: MapRow
    uri: str


@dataclass(frozen=True)
class Card:
    """An image of the gallery with its maps."""

    entry: ImageEntry
    folder: str
    uri: str
    pictures: tuple[MapPicture, ...]

    @property
    def left_out(self) -> int:
        """How many maps had no room."""
        return len(self.entry.rows) - len(self.pictures)

    @property
    def weight(self) -> int:
        """Characters of pictures."""
        return len(self.uri) + sum(len(each.uri) for each in self.pictures)


def write_page(
    document: MapsDocument, output: Path, images: Sequence[str], *, failures: Sequence[Failure]
) -> Path:
    """Write `report.html`; images are the ids of those whose folders are there, in order."""
    page = compose_page(document, gallery(output, images), failures)
    return page.write(output_path(output, "report.html"))


def compose_page(
    document: MapsDocument, cards: Sequence[Card], failures: Sequence[Failure]
) -> Page:
    """The page, from the document, the cards of the gallery, and what could not be used."""
    job = JobPage("seewhy.mapping", document, failures, {"cards": cards})
    sections = [
        job.section("What was asked", "asked"),
        job.section("The maps", "gallery", lead=READING[str(document.settings["look"])]),
        job.section("Before you believe a map", "reading"),
    ]
    used = document.images["used"]
    return job.page(
        "Where images show what texts say",
        sections,
        kind="maps",
        subtitle=f"{used} image{'' if used == 1 else 's'} and {len(document.texts)} "
        f"text{'' if len(document.texts) == 1 else 's'}, read by {document.encoder}",
        footer="Made by seewhy; maps.parquet and maps.csv have every map in figures.",
    )


def gallery(output: Path, images: Sequence[str], *, budget: int = IMAGE_BUDGET) -> list[Card]:
    """Cards of images that lie evenly among all, in their order, as many as the budget holds."""
    return chosen_cards(images, partial(_card, output), budget=budget, most=MOST_CARDS)


def _card(output: Path, identity: str) -> Card | None:
    found = opened(output, identity, SEALS)
    if found is None:
        return None
    folder, entry = found
    return Card(
        entry,
        folder.relative_to(output).as_posix(),
        thumbnail_uri(folder / THUMBNAIL),
        tuple(_pictures(folder, entry.rows)),
    )


def _pictures(folder: Path, rows: Iterable[MapRow]) -> Iterator[MapPicture]:
    for _, row in zip(range(MOST_PICTURES), rows, strict=False):
        yield MapPicture(row, thumbnail_uri(folder / row.picture))
