"""The page of edited captions: what was edited, systematic errors, each caption with its edits."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from seewhy.data.records import Failure
from seewhy.evaluation.editing.document import ErrorsDocument
from seewhy.mending.document import EditsDocument
from seewhy.mending.entries import SEALS, EditEvidence, MendEntry
from seewhy.mending.images import THUMBNAIL
from seewhy.mending.wording import odds_text
from seewhy.report.gallery import chosen_cards, thumbnail_uri
from seewhy.report.jobs import JobPage, opened
from seewhy.report.page import IMAGE_BUDGET, Page
from seewhy.results.files import output_path

MOST_CARDS = 200
MOST_ROWS = 30
FEW = 50
"""Of up to so many captions those that did not change have room, too."""
_SIDE, _MATRIX_SIDE = 220, 640

READING = (
    "Struck out is what was deleted or replaced, underlined what stands there now. A picture shows "
    "where the network looked when it wrote the new words: the brighter the more, and the "
    "strongest regions bear their shares of the attention."
)
ERRORS = (
    "Which words of the captions the editor replaced, deleted or missed, how often, and how sure "
    "it was. A word is systematically wrong where the lower end of its interval is above the share "
    "of all words that are wrong. It is the editor that says so: look at the examples."
)


class Piece(NamedTuple):
    """Words of a caption that share a fate: kept, gone, or new."""

    kind: str
    text: str


@dataclass(frozen=True)
class Shown:
    """An edit and its picture, where there is one."""

    edit: EditEvidence
    uri: str

    @property
    def odds(self) -> str:
        """How much likelier the caption is with the edit than without."""
        return odds_text(self.edit.gain)


@dataclass(frozen=True)
class Card:
    """A caption with its edits."""

    entry: MendEntry
    folder: str
    uri: str
    edits: tuple[Shown, ...]
    matrix: str

    @property
    def weight(self) -> int:
        """Characters of pictures."""
        return len(self.uri) + len(self.matrix) + sum(len(each.uri) for each in self.edits)

    @property
    def pieces(self) -> list[Piece]:
        """Both captions in one, in reading order; of an edit the old words come first."""
        found: list[Piece] = []
        script, edits = self.entry.script, {each.script[0]: each for each in self.entry.edits}
        for place, word in enumerate(script):
            if word.kind == "keep":
                found.append(Piece("keep", word.new or ""))
            elif place in edits:
                edit = edits[place]
                found += [Piece("old", edit.old)] * bool(edit.old)
                found += [Piece("new", edit.new)] * bool(edit.new)
        return found

    @property
    def gates(self) -> tuple[str, ...]:
        """The gates that the network has."""
        names = ("copy_gate", "context_gate", "kept")
        return tuple(
            name
            for name in names
            if any(getattr(word, name) is not None for word in self.entry.script)
        )


def write_page(
    document: EditsDocument,
    errors: ErrorsDocument,
    output: Path,
    *,
    images: Sequence[str],
    failures: Sequence[Failure],
) -> Path:
    """Write `report.html`; images are the ids of those whose folders are there, in order."""
    cards = chosen_cards(images, partial(_card, output), budget=IMAGE_BUDGET, most=MOST_CARDS)
    page = compose_page(document, errors, cards, failures=failures)
    return page.write(output_path(output, "report.html"))


def compose_page(
    document: EditsDocument,
    errors: ErrorsDocument,
    cards: Sequence[Card],
    *,
    failures: Sequence[Failure],
) -> Page:
    """The page, from the document, the errors, the captions, and what could not be used."""
    used = document.captions["used"]
    job = JobPage(
        "seewhy.mending",
        document,
        failures,
        {
            "errors": errors,
            "cards": cards,
            "most": MOST_ROWS,
            "few": FEW,
        },
    )
    sections = [job.section("What was edited", "asked")]
    if used > 1:
        sections.append(job.section("Systematic errors", "errors", lead=ERRORS))
    sections.append(job.section("Captions", "captions", lead=READING))
    sections.append(job.section("Before you believe it", "caution"))
    return job.page(
        "Captions mended",
        sections,
        kind="edits",
        subtitle=f"{used} caption{'' if used == 1 else 's'}, edited by {document.editor}",
        footer="Made by seewhy; edits.csv and words.csv have every figure.",
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
        tuple(_shown(folder, each) for each in entry.edits),
        thumbnail_uri(folder / entry.matrix, side=_MATRIX_SIDE) if entry.matrix else "",
    )


def _shown(folder: Path, edit: EditEvidence) -> Shown:
    return Shown(
        edit,
        thumbnail_uri(folder / edit.picture, side=_SIDE, palette="marked") if edit.picture else "",
    )
