"""The page of concepts: what was asked, encoders side by side, and a gallery that fits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from markupsafe import Markup

from seewhy.concepts.document import ConceptsDocument
from seewhy.concepts.drawing import part_colour
from seewhy.concepts.entries import SEALS, ConceptEntry, Reading
from seewhy.concepts.images import THUMBNAIL
from seewhy.data.records import Failure
from seewhy.report.gallery import chosen_cards, thumbnail_uri
from seewhy.report.jobs import JobPage, opened
from seewhy.report.joined import TextList, joined_lists
from seewhy.report.page import IMAGE_BUDGET, Page
from seewhy.results.files import output_path
from seewhy.results.parts import Curve

MOST_CARDS = 100
_OPEN_CARDS = 6
_PICTURE_SIDE = 360

READING = (
    "Each part of an image has a colour and its texts, the best first. "
    "Below: all texts found in the image, the most relevant first, beside those that the encoder "
    "expects of the class that it chose. A line joins a text that is in both."
)
SHARING = (
    "Each image against the class that its encoder chose. MI is the published index of found and "
    "expected texts, AUC its mean as the most relevant texts are taken away. Chance is what the "
    "mean area would be if images had nothing to do with their classes."
)


@dataclass(frozen=True, eq=False)
class CardReading:
    """What one encoder read, as it is drawn."""

    reading: Reading
    uri: str
    lists: Markup
    curve: Curve

    @property
    def colours(self) -> list[str]:
        """The colour of each part."""
        return [part_colour(part.number - 1) for part in self.reading.parts]


@dataclass(frozen=True, eq=False)
class Card:
    """An image of the gallery with its readings."""

    entry: ConceptEntry
    folder: str
    uri: str
    readings: tuple[CardReading, ...]

    @property
    def weight(self) -> int:
        """Characters of pictures and drawings."""
        return len(self.uri) + sum(len(each.uri) + len(each.lists) for each in self.readings)


def write_page(
    document: ConceptsDocument, output: Path, images: Sequence[str], *, failures: Sequence[Failure]
) -> Path:
    """Write `report.html`; images are the ids of those whose folders are there, in order."""
    page = compose_page(document, gallery(output, images), failures)
    return page.write(output_path(output, "report.html"))


def gallery(output: Path, images: Sequence[str], *, budget: int = IMAGE_BUDGET) -> list[Card]:
    """Cards of images that lie evenly among all, in their order, as many as the budget holds."""
    return chosen_cards(images, partial(_card, output), budget=budget, most=MOST_CARDS)


def compose_page(
    document: ConceptsDocument, cards: Sequence[Card], failures: Sequence[Failure]
) -> Page:
    """The page, from the document, the cards of the gallery, and what could not be used."""
    used, encoders = document.images["used"], document.encoders
    job = JobPage(
        "seewhy.concepts",
        document,
        failures,
        {
            "cards": cards,
            "is_open": len(cards) <= _OPEN_CARDS,
            "curve": _mean_curves(document),
        },
    )
    sections = [job.section("What was asked", "question")]
    if used > 1:
        sections += [
            job.section("What both sides share", "encoders", lead=SHARING),
            job.section("Class by class", "classes", folded=True),
        ]
    sections += [
        job.section("The images", "images", lead=READING),
        job.section("Before you believe it", "caution"),
    ]
    return job.page(
        "What images show and classes expect",
        sections,
        kind="concepts",
        subtitle=f"{used} image{'' if used == 1 else 's'} and {len(document.classes)} classes, "
        f"read by {', '.join(each.name for each in encoders)}",
        footer="Made by seewhy; concepts.jsonl has every text, concepts.parquet every figure.",
    )


def _card(output: Path, identity: str) -> Card | None:
    found = opened(output, identity, SEALS)
    if found is None:
        return None
    folder, entry = found
    return Card(
        entry,
        folder.relative_to(output).as_posix(),
        thumbnail_uri(folder / THUMBNAIL),
        tuple(_readings(folder, entry)),
    )


def _readings(folder: Path, entry: ConceptEntry) -> Iterator[CardReading]:
    for each in entry.readings:
        found = TextList("Found in the image", tuple(text.text for text in each.found))
        expected = TextList(
            f"Expected of {each.predicted.name}", tuple(text.text for text in each.expected)
        )
        yield CardReading(
            each,
            thumbnail_uri(folder / each.picture, side=_PICTURE_SIDE),
            joined_lists(found, expected),
            _curve(each),
        )


def _curve(reading: Reading) -> Curve:
    rows = {each.name: each.curve for each in (reading.predicted, reading.runner_up)}
    if reading.truth:
        rows.setdefault(reading.truth.name, reading.truth.curve)
    return Curve(
        title="Found texts taken away, the most relevant first",
        axis="texts taken away",
        names=tuple(rows),
        positions=np.arange(len(reading.predicted.curve), dtype=np.float64),
        values=np.array(list(rows.values())),
    )


def _mean_curves(document: ConceptsDocument) -> Curve:
    longest = max((len(each.curve) for each in document.encoders), default=0)
    values = np.full((len(document.encoders), longest), np.nan)
    for row, each in zip(values, document.encoders, strict=True):
        row[: len(each.curve)] = each.curve
    return Curve(
        title="Found texts taken away, the most relevant first: mean over images",
        axis="texts taken away",
        names=_short_names([each.name for each in document.encoders]),
        positions=np.arange(longest, dtype=np.float64),
        values=values,
    )


def _short_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names without what stands before a colon, where they stay apart."""
    short = tuple(name.rpartition(":")[2] for name in names)
    return short if len(set(short)) == len(short) else tuple(names)
