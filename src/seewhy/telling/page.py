"""The page of told reasons: what was asked, each image with its reasons, and what supports them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seewhy.data.records import Failure
from seewhy.report.gallery import chosen_cards, thumbnail_uri
from seewhy.report.jobs import JobPage, opened
from seewhy.report.page import IMAGE_BUDGET, Page
from seewhy.results.files import output_path
from seewhy.telling.document import TellingsDocument
from seewhy.telling.entries import SEALS, PhraseSupport, Telling, TellingEntry
from seewhy.telling.images import THUMBNAIL

MOST_CARDS = 200
_SIDE = 220

READING = (
    "Red is where the encoder sees the thing that a reason names; the yellow line surrounds the "
    "top region. Supported: the encoder sees it there rather than something else, where the reason "
    "says, and hiding it makes the sentence less likely than hiding other places does."
)


@dataclass(frozen=True)
class Sight:
    """A thing that a reason names, and its picture where there is one."""

    phrase: PhraseSupport
    uri: str


@dataclass(frozen=True)
class Reason:
    """An answer with its reason, and all things it names."""

    telling: Telling
    sights: tuple[Sight, ...]


@dataclass(frozen=True)
class Card:
    """An image with all that was told of it."""

    entry: TellingEntry
    folder: str
    uri: str
    reasons: tuple[Reason, ...]

    @property
    def weight(self) -> int:
        """Characters of pictures."""
        return len(self.uri) + sum(len(each.uri) for own in self.reasons for each in own.sights)


def write_page(
    document: TellingsDocument, output: Path, images: Sequence[str], *, failures: Sequence[Failure]
) -> Path:
    """Write `report.html`; images are the ids of those whose folders are there, in order."""
    cards = chosen_cards(images, partial(_card, output), budget=IMAGE_BUDGET, most=MOST_CARDS)
    return compose_page(document, cards, failures).write(output_path(output, "report.html"))


def compose_page(
    document: TellingsDocument, cards: Sequence[Card], failures: Sequence[Failure]
) -> Page:
    """The page, from the document, its images, and what could not be used."""
    job = JobPage("seewhy.telling", document, failures, {"cards": cards})
    lead = READING if document.encoder else ""
    sections = [
        job.section("What was asked", "asked"),
        job.section("Answers and reasons", "reasons", lead=lead),
        job.section("Before you believe it", "caution"),
    ]
    used = document.images["used"]
    return job.page(
        "Answers and their reasons",
        sections,
        kind="tellings",
        subtitle=f"{used} image{'' if used == 1 else 's'}, told by {document.narrator}",
        footer="Made by seewhy; reasons.csv and things.csv have every figure.",
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
        tuple(Reason(each, tuple(_sights(folder, each))) for each in entry.tellings),
    )


def _sights(folder: Path, telling: Telling) -> list[Sight]:
    return [
        Sight(
            phrase,
            thumbnail_uri(folder / phrase.picture, side=_SIDE, palette="marked")
            if phrase.picture
            else "",
        )
        for statement in telling.statements
        for phrase in statement.phrases
    ]
