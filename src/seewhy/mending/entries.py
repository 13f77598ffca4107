"""What is kept of a caption: its words before and after, and the evidence for each edit."""

from typing import Final, Literal

from pydantic import Field

from seewhy.results.seals import Record, SealedEntry, Seals

SCHEMA: Final = "seewhy.edit/1"

Kind = Literal["keep", "replace", "insert", "delete"]


class SourceWord(Record):
    """A word of the caption before, by its place from 0, and the share of attention on it."""

    place: int
    word: str
    weight: float


class Sight(Record):
    """A region of the image and the share of attention on it.

    The box is in pixels, right and bottom being outside it; None where the place is not known.
    """

    number: int
    box: tuple[int, int, int, int] | None
    weight: float


class ScriptWord(Record):
    """What became of a word; `old` and `new` are None where there is none.

    `probability` is that of the new word when it was written. `read` are the words of the caption
    and `seen` the regions with most attention then, `memory` the word whose memory was taken, and
    `copy_gate`, `context_gate` and `kept` the network's gates, 0 to 1, where it has them.
    """

    kind: Kind
    old: str | None
    new: str | None
    probability: float | None = None
    read: list[SourceWord] = Field(default_factory=list)
    memory: SourceWord | None = None
    copy_gate: float | None = None
    context_gate: float | None = None
    kept: float | None = None
    seen: list[Sight] = Field(default_factory=list)


class EditEvidence(Record):
    """Words that were changed side by side: all of `old` for all of `new`, "" for none.

    `script` are their places in the script. `gain` is how much higher the logarithm of the
    caption's probability is with the edit than without it, None where that was not asked for or
    cannot be asked. `picture` shows where the network looked.
    """

    kind: Literal["replace", "insert", "delete"]
    old: str
    new: str
    script: list[int]
    probability: float | None
    gain: float | None
    picture: str | None


class MendEntry(SealedEntry):
    """A caption and what became of it.

    `unknown` are words of it that the editor does not know: it cannot keep them. `matrix` is the
    picture of which word was read when which was written.
    """

    schema_version: Literal["seewhy.edit/1"] = SCHEMA
    caption: str
    edited: str
    is_changed: bool
    is_finished: bool
    log_probability: float
    script: list[ScriptWord]
    edits: list[EditEvidence]
    alternatives: list[str]
    unknown: list[str]
    matrix: str | None


SEALS: Final = Seals("edit.json", MendEntry)
