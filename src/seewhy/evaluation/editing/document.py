"""What an audit of captions found: the schema of `errors.json`."""

from math import isnan
from typing import Literal

from seewhy.evaluation.captions.summary import TextFile
from seewhy.evaluation.tasks.document import Record
from seewhy.evaluation.weighted import Interval


class Share(Record):
    """`count` of `uses` and their ratio with its 95 % interval; None where nothing was used."""

    count: int
    uses: int
    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, count: int, uses: int, interval: Interval) -> "Share":
        """With the interval that belongs to it."""
        value, low, high = (
            None if isnan(each) else each for each in (interval.value, interval.low, interval.high)
        )
        return cls(count=count, uses=uses, value=value, low=low, high=high)


class Instead(Record):
    """What stands for a word afterwards, None for nothing; `support` is the editor's mean."""

    word: str | None
    count: int
    support: float | None


class AttributeErrors(Record):
    """What words speak of; `within` counts replacements by words that speak of the same.

    `wrong` is the share of its words that were replaced or deleted.
    """

    name: str
    replaced: int
    within: int
    deleted: int
    inserted: int
    wrong: Share


class WordErrors(Record):
    """A word that was there; `wrong` is the share of its uses that were replaced or deleted.

    One that the editor does not know can only be replaced or deleted.
    """

    word: str
    attribute: str
    replaced: int
    deleted: int
    wrong: Share
    is_known: bool
    is_systematic: bool
    instead: list[Instead]
    examples: list[str]


class Replacement(Record):
    """One word for another, as a share of the uses of the old one; examples are ids."""

    old: str
    new: str
    attribute: str
    of_old: Share
    support: float | None
    examples: list[str]


class MissedWord(Record):
    """A word that was inserted, as a share of all its uses afterwards."""

    word: str
    attribute: str
    of_new: Share
    support: float | None
    examples: list[str]


class Errors(Record):
    """All of it. `overall` is the share of all words that were replaced or deleted."""

    captions: int
    changed: int
    overall: Share
    attributes: list[AttributeErrors]
    words: list[WordErrors]
    replacements: list[Replacement]
    missed: list[MissedWord]


class ErrorsDocument(Record):
    """Systematic errors of whoever wrote the captions before, and how they were found."""

    schema_version: Literal["seewhy.caption-errors/1"] = "seewhy.caption-errors/1"
    editor: str | None
    files: dict[str, TextFile]
    words: str
    errors: Errors
    settings: dict[str, int]
    versions: dict[str, str]
    notes: list[str]
