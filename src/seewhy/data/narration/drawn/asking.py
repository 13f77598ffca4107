"""What a question about a drawn scene is, and the objects that its words speak of."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from seewhy.data.narration.drawn.phrases import SceneFacts
from seewhy.data.narration.drawn.scenes import pick

QuestionKind = Literal[
    "shape", "colour", "count", "relation", "existence", "odd one out", "comparison"
]
Chance = np.random.Generator

OPPOSITES = {
    "left of": "right of", "right of": "left of", "above": "below", "below": "above",
    "larger than": "smaller than", "smaller than": "larger than",
}  # fmt: skip


@dataclass(frozen=True)
class DrawnQuestion:
    """A question, its answer, true reasons for it, and other answers of the same kind."""

    kind: QuestionKind
    text: str
    answer: str
    reasons: tuple[str, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Role:
    """An object and a name that fits it alone."""

    place: int
    name: str


def two_roles(facts: SceneFacts, chance: Chance) -> tuple[Role, Role] | None:
    """Two objects in either order, with names of their own."""
    if len(facts.items) < 2:
        return None
    places = chance.permutation(len(facts.items))[:2].tolist()
    names = [facts.unique_names(place) for place in places]
    if not all(names):
        return None
    first, second = (
        Role(place, pick(chance, each).definite) for place, each in zip(places, names, strict=True)
    )
    return first, second


def other_answer(is_yes: bool) -> tuple[str, ...]:
    """The wrong one of yes and no."""
    return ("no",) if is_yes else ("yes",)
