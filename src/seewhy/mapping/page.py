"""The page of maps: what was asked, how to read it, and a gallery that fits."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from markupsafe import Markup

from seewhy.data.records import Failure
from seewhy.mapping.document import MapsDocument
from seewhy.mapping.entries import SEALS, ImageEntry, MapRow
from seewhy.mapping.images import THUMBNAIL
from seewhy.report.gallery import chosen_cards, thumbnail_uri
from seewhy.report.page import IMAGE_BUDGET, Page, Section, fact_text, fragment
from seewhy.results.files import output_path
from seewhy.results.seals import entry_folder

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
    values = {
        "document": document,
        "cards": cards,
        "failures": failures,
        "facts": [
            *((name, fact_text(value)) for name, value in document.settings.items()),
            ("question", document.question),
        ],
        "versions": list(document.versions.items()),
    }
    sections = [
        Section("What was asked", _filled("asked", values)),
        Section(
            "The maps", _filled("gallery", values), lead=READING[str(document.settings["look"])]
        ),
        Section("Before you believe a map", _filled("reading", values)),
    ]
    if failures:
        sections.append(Section("Images that could not be used", _filled("failures", values)))
    sections.append(Section("Settings and versions", _filled("settings", values), folded=True))
    used = document.images["used"]
    return Page(
        title="Where images show what texts say",
        kind="maps",
        subtitle=f"{used} image{'' if used == 1 else 's'} and {len(document.texts)} "
        f"text{'' if len(document.texts) == 1 else 's'}, read by {document.encoder}",
        sections=tuple(sections),
        footer="Made by seewhy; maps.parquet and maps.csv have every map in figures.",
    )


def gallery(output: Path, images: Sequence[str], *, budget: int = IMAGE_BUDGET) -> list[Card]:
    """Cards of images that lie evenly among all, in their order, as many as the budget holds."""
    return chosen_cards(images, partial(_card, output), budget=budget, most=MOST_CARDS)


def _card(output: Path, identity: str) -> Card | None:
    folder = entry_folder(output, identity)
    entry = SEALS.read(folder)
    if entry is None:
        return None
    return Card(
        entry,
        folder.relative_to(output).as_posix(),
        thumbnail_uri(folder / THUMBNAIL),
        tuple(_pictures(folder, entry.rows)),
    )


def _pictures(folder: Path, rows: Iterable[MapRow]) -> Iterator[MapPicture]:
    for _, row in zip(range(MOST_PICTURES), rows, strict=False):
        yield MapPicture(row, thumbnail_uri(folder / row.picture))


def _filled(name: str, values: dict[str, object]) -> Markup:
    return fragment(f"{name}.html.j2", package="seewhy.mapping", **values)
