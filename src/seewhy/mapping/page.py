"""The page of maps: what was asked, how to read it, and a gallery that fits."""

import base64
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from seewhy.data.records import Failure
from seewhy.mapping.document import MapsDocument
from seewhy.mapping.entries import ImageEntry, MapRow, entry_folder, read_entry
from seewhy.mapping.images import THUMBNAIL, THUMBNAIL_SIDE
from seewhy.report.page import IMAGE_BUDGET, Page, Section, fragment
from seewhy.results.files import output_path
from seewhy.results.text import short_text

MOST_CARDS = 200
MOST_PICTURES = 24
"""Maps of one image that its card has room for."""

_COLOURS = 64

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
        "facts": [(name, _fact(value)) for name, value in document.settings.items()],
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
    cards: dict[int, Card] = {}
    for position in spread(len(images)):
        card = _card(output, images[position])
        budget -= card.weight if card else 0
        if len(cards) >= MOST_CARDS or (budget < 0 and cards):
            break
        if card is not None:
            cards[position] = card
    return [cards[position] for position in sorted(cards)]


def spread(count: int) -> Iterator[int]:
    """All positions below a count, in an order of which every beginning is spread evenly.

    >>> list(spread(5))
    [0, 4, 2, 1, 3]
    """
    digits = max(count - 1, 0).bit_length()
    for number in range(1 << digits):
        position = int(f"{number:0{digits}b}"[::-1], 2) if digits else 0
        if position < count:
            yield position


def _card(output: Path, identity: str) -> Card | None:
    folder = entry_folder(output, identity)
    entry = read_entry(folder)
    if entry is None:
        return None
    return Card(
        entry,
        folder.relative_to(output).as_posix(),
        _thumbnail(folder / THUMBNAIL),
        tuple(_pictures(folder, entry.rows)),
    )


def _pictures(folder: Path, rows: Iterable[MapRow]) -> Iterator[MapPicture]:
    for _, row in zip(range(MOST_PICTURES), rows, strict=False):
        yield MapPicture(row, _thumbnail(folder / row.picture))


def _thumbnail(path: Path) -> str:
    """A small PNG of few colours as the address of itself."""
    buffer = io.BytesIO()
    with Image.open(path, formats=["PNG"]) as image:
        small = image.convert("RGB")
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    small.quantize(_COLOURS).save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _filled(name: str, values: dict[str, object]) -> Markup:
    return fragment(f"{name}.html.j2", package="seewhy.mapping", **values)


def _fact(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return short_text(text, 300)
