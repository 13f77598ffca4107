"""What a drawn caption says: two objects, and how one lies to the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal, NamedTuple, get_args

import numpy as np

from seewhy.data.scenes import COLOURS, SHAPES

EditSplit = Literal["train", "validation", "test"]
Role = Literal[
    "article", "colour", "kind", "verb", "relation", "other article", "other colour", "other kind"
]
"""The part that a word plays; "other" is the object that is named last."""

EDIT_SPLITS: tuple[EditSplit, ...] = get_args(EditSplit)
RELATIONS = ("above", "below", "left of", "right of")

_COLOURS = tuple(COLOURS)
_ARTICLES = ("a", "an")
_SIZES = (len(_COLOURS), len(SHAPES), len(RELATIONS), len(_COLOURS), len(SHAPES))
_SHARES = {"train": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
_SPLIT_SEED = 20_309


class Part(NamedTuple):
    """A word of a caption and the part that it plays."""

    word: str
    role: Role


@dataclass(frozen=True)
class EditFacts:
    """A colour and a shape, how it lies, and the colour and shape that it is seen from."""

    colour: str
    kind: str
    relation: str
    other_colour: str
    other_kind: str

    @property
    def words(self) -> tuple[str, ...]:
        """The caption, such as a red circle is left of an orange star."""
        return tuple(part.word for part in self.parts)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The words of the caption with their parts."""
        return (
            Part(_article(self.colour), "article"),
            Part(self.colour, "colour"),
            Part(self.kind, "kind"),
            Part("is", "verb"),
            *(Part(word, "relation") for word in self.relation.split()),
            Part(_article(self.other_colour), "other article"),
            Part(self.other_colour, "other colour"),
            Part(self.other_kind, "other kind"),
        )


def edit_words() -> tuple[str, ...]:
    """Every word that a drawn caption can hold, in a fixed order."""
    relations = dict.fromkeys(word for relation in RELATIONS for word in relation.split())
    return (*_ARTICLES, "is", *relations, *_COLOURS, *SHAPES)


def read_facts(words: Sequence[str]) -> EditFacts | None:
    """What a caption says; None unless it is worded exactly as drawn captions are."""
    if len(words) not in (8, 9):
        return None
    facts = EditFacts(words[1], words[2], " ".join(words[4:-3]), words[-2], words[-1])
    is_known = (
        {facts.colour, facts.other_colour} <= set(_COLOURS)
        and {facts.kind, facts.other_kind} <= set(SHAPES)
        and facts.relation in RELATIONS
    )
    return facts if is_known and facts.words == tuple(words) else None


@cache
def facts_of(split: EditSplit) -> tuple[EditFacts, ...]:
    """Every combination that belongs to a split: eight tenths of all are to train on.

    No two splits share one, so that no caption of a test can be known by heart.
    """
    count = int(np.prod(_SIZES))
    order = np.random.default_rng(_SPLIT_SEED).permutation(count)
    start, end = (round(share * count) for share in _SHARES[split])
    return tuple(_numbered(number) for number in order[start:end].tolist())


def _numbered(number: int) -> EditFacts:
    colour, kind, relation, other_colour, other_kind = np.unravel_index(number, _SIZES)
    return EditFacts(
        _COLOURS[colour],
        SHAPES[kind],
        RELATIONS[relation],
        _COLOURS[other_colour],
        SHAPES[other_kind],
    )


def _article(word: str) -> str:
    return _ARTICLES[word[0] in "aeiou"]
