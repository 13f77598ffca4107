"""The page of told reasons: what was asked, each image with its reasons, and what supports them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from markupsafe import Markup

from seewhy.data.records import Failure
from seewhy.report.gallery import chosen_cards, thumbnail_uri
from seewhy.report.page import IMAGE_BUDGET, Page, Section, fact_text, fragment
from seewhy.results.files import output_path
from seewhy.results.seals import entry_folder
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
    lead = READING if document.encoder else ""
    sections = [
        Section("What was asked", _filled("asked", values)),
        Section("Answers and reasons", _filled("reasons", values), lead=lead),
        Section("Before you believe it", _filled("caution", values)),
    ]
    if failures:
        sections.append(Section("Images that could not be used", _filled("failures", values)))
    sections.append(Section("Settings and versions", _filled("settings", values), folded=True))
    used = document.images["used"]
    return Page(
        title="Answers and their reasons",
        kind="tellings",
        subtitle=f"{used} image{'' if used == 1 else 's'}, told by {document.narrator}",
        sections=tuple(sections),
        footer="Made by seewhy; reasons.csv and things.csv have every figure.",
    )


def _card(output: Path, identity: str) -> Card | None:
    folder = entry_folder(output, identity)
    entry = SEALS.read(folder)
    if entry is None:
        return None
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


def _filled(name: str, values: dict[str, object]) -> Markup:
    return fragment(f"{name}.html.j2", package="seewhy.telling", **values)
