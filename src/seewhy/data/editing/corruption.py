"""Captions made wrong on purpose, and what was done to them.

The colour of the object that is named last shows in no picture of `drawn`, so it is never changed,
dropped or moved, and no colour ever comes to stand behind it: it is the last colour word of every
corrupted caption. All else can be seen, so caption and picture together tell the truth.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np

from seewhy.base.errors import UsageError
from seewhy.data.editing.facts import RELATIONS, EditFacts, Part, Role, edit_words
from seewhy.data.narration.drawn.scenes import pick, toss
from seewhy.data.scenes import COLOURS, SHAPES

CorruptionKind = Literal[
    "colour",
    "kind",
    "relation",
    "other kind",
    "repeated noun",
    "dropped word",
    "swapped words",
    "inserted word",
]
CORRUPTIONS: tuple[CorruptionKind, ...] = get_args(CorruptionKind)
Chance = np.random.Generator

_INSERTED = tuple(word for word in edit_words() if word not in COLOURS)
_HIDDEN: Role = "other colour"
# A repeated noun takes the first object's word for the second one's.
_APART: Mapping[CorruptionKind, frozenset[CorruptionKind]] = {
    "repeated noun": frozenset({"kind", "other kind"}),
    "kind": frozenset({"repeated noun"}),
    "other kind": frozenset({"repeated noun"}),
}


@dataclass(frozen=True)
class Corruption:
    """One fault: the words that were right, and what stands for them; empty where there is none."""

    kind: CorruptionKind
    right: tuple[str, ...]
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class CorruptedCaption:
    """A caption and its faults, none where it was left clean."""

    words: tuple[str, ...]
    corruptions: tuple[Corruption, ...] = ()


@dataclass(frozen=True)
class CorruptionRates:
    """The share of captions with faults, the share of these with two, and how often each kind.

    `weights` are relative; a kind that is not named does not occur. A noun can be repeated only
    where the shapes differ: with no other kind, captions of two like shapes stay clean.
    """

    corrupted: float = 0.7
    twice: float = 0.5
    weights: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(dict.fromkeys(CORRUPTIONS, 1.0))
    )

    def __post_init__(self) -> None:
        weights = list(self.weights.values())
        if not (0 <= self.corrupted <= 1 and 0 <= self.twice <= 1):
            raise UsageError(
                f"shares of corrupted captions are {self.corrupted} and {self.twice}; wanted are "
                "numbers from 0 to 1."
            )
        unknown = set(self.weights) - set(CORRUPTIONS)
        if unknown or not np.isfinite(weights).all() or min(weights, default=0) < 0:
            raise UsageError(
                f"weights of corruptions are {dict(self.weights)}; wanted is a number of 0 or more "
                f"for any of {', '.join(CORRUPTIONS)}."
            )
        if self.corrupted and not any(weights):
            raise UsageError(
                f"{self.corrupted:.0%} of captions should be corrupted, but no kind has a weight "
                "above 0. Give one a weight, or make the share 0."
            )


DEFAULT_RATES = CorruptionRates()


def corrupted_caption(
    facts: EditFacts, chance: Chance, *, rates: CorruptionRates = DEFAULT_RATES
) -> CorruptedCaption:
    """The caption of these facts, with none, one or two faults of different kinds.

    Two faults never touch the same word, and together never make the caption right again.
    """
    if not toss(chance, rates.corrupted):
        return CorruptedCaption(facts.words)
    count = 1 + toss(chance, rates.twice)
    while kinds := _drawn_kinds(facts, chance, rates, count=count):
        found = _with_faults(facts, kinds, chance)
        if found.words != facts.words:
            return found
    return CorruptedCaption(facts.words)


def _drawn_kinds(
    facts: EditFacts, chance: Chance, rates: CorruptionRates, *, count: int
) -> list[CorruptionKind]:
    """Kinds that go together, in the order in which they are applied."""
    left = {kind: weight for kind in CORRUPTIONS if (weight := rates.weights.get(kind, 0.0))}
    if facts.kind == facts.other_kind:
        left.pop("repeated noun", None)
    chosen: set[CorruptionKind] = set()
    while left and len(chosen) < count:
        kind = _weighted(left, chance)
        chosen.add(kind)
        apart = _APART.get(kind, frozenset()) | {kind}
        left = {each: weight for each, weight in left.items() if each not in apart}
    return [kind for kind in CORRUPTIONS if kind in chosen]


def _weighted(weights: Mapping[CorruptionKind, float], chance: Chance) -> CorruptionKind:
    kinds = list(weights)
    bounds = list(accumulate(weights.values()))
    place = bisect_right(bounds, chance.random() * bounds[-1])
    # A product that is rounded up may end beyond the last one.
    return kinds[min(place, len(kinds) - 1)]


def _with_faults(
    facts: EditFacts, kinds: Sequence[CorruptionKind], chance: Chance
) -> CorruptedCaption:
    stated, corruptions = facts, []
    for kind in kinds:
        if kind in _STATEMENTS:
            stated = _STATEMENTS[kind](stated, chance)
            corruptions.append(_difference(kind, facts, stated))
    draft = _Draft(list(stated.parts), _changed_roles(facts, stated))
    for kind in kinds:
        if kind in _WORDINGS:
            corruptions.append(_WORDINGS[kind](draft, chance))
    return CorruptedCaption(tuple(part.word for part in draft.parts), tuple(corruptions))


def _wrong_colour(facts: EditFacts, chance: Chance) -> EditFacts:
    return replace(facts, colour=_other(facts.colour, tuple(COLOURS), chance))


def _wrong_kind(facts: EditFacts, chance: Chance) -> EditFacts:
    return replace(facts, kind=_other(facts.kind, SHAPES, chance))


def _wrong_relation(facts: EditFacts, chance: Chance) -> EditFacts:
    return replace(facts, relation=_other(facts.relation, RELATIONS, chance))


def _wrong_other_kind(facts: EditFacts, chance: Chance) -> EditFacts:
    return replace(facts, other_kind=_other(facts.other_kind, SHAPES, chance))


def _repeated(facts: EditFacts, _chance: Chance) -> EditFacts:
    return replace(facts, other_kind=facts.kind)


_STATEMENTS: Mapping[CorruptionKind, Callable[[EditFacts, Chance], EditFacts]] = {
    "colour": _wrong_colour,
    "kind": _wrong_kind,
    "relation": _wrong_relation,
    "other kind": _wrong_other_kind,
    "repeated noun": _repeated,
}
_ROLES: Mapping[CorruptionKind, Role] = {
    "colour": "colour",
    "kind": "kind",
    "relation": "relation",
    "other kind": "other kind",
    "repeated noun": "other kind",
}


def _other(value: str, values: Sequence[str], chance: Chance) -> str:
    return pick(chance, [each for each in values if each != value])


def _words_of(facts: EditFacts, role: Role) -> tuple[str, ...]:
    return tuple(part.word for part in facts.parts if part.role == role)


def _difference(kind: CorruptionKind, facts: EditFacts, stated: EditFacts) -> Corruption:
    role = _ROLES[kind]
    return Corruption(kind, _words_of(facts, role), _words_of(stated, role))


def _changed_roles(facts: EditFacts, stated: EditFacts) -> set[Role]:
    if stated == facts:
        return set()
    roles = {part.role for part in facts.parts}
    return {role for role in roles if _words_of(facts, role) != _words_of(stated, role)}


@dataclass
class _Draft:
    """Words on the way; those of a `touched` role are not changed again."""

    parts: list[Part]
    touched: set[Role]

    def is_free(self, place: int) -> bool:
        role = self.parts[place].role
        return role != _HIDDEN and role not in self.touched


def _drop(draft: _Draft, chance: Chance) -> Corruption:
    place = pick(chance, [each for each in range(len(draft.parts)) if draft.is_free(each)])
    return Corruption("dropped word", (draft.parts.pop(place).word,), ())


def _swap(draft: _Draft, chance: Chance) -> Corruption:
    parts = draft.parts
    free = [
        place
        for place in range(len(parts) - 1)
        if draft.is_free(place) and draft.is_free(place + 1)
    ]
    place = pick(chance, free)
    first, second = parts[place], parts[place + 1]
    parts[place : place + 2] = [second, first]
    return Corruption("swapped words", (first.word, second.word), (second.word, first.word))


def _insert(draft: _Draft, chance: Chance) -> Corruption:
    place = int(chance.integers(len(draft.parts) + 1))
    word = pick(chance, _INSERTED)
    draft.parts.insert(place, Part(word, "verb"))
    return Corruption("inserted word", (), (word,))


_WORDINGS: Mapping[CorruptionKind, Callable[[_Draft, Chance], Corruption]] = {
    "dropped word": _drop,
    "swapped words": _swap,
    "inserted word": _insert,
}
