"""Statements that a drawn scene entails, contradicts, or says nothing of."""

from dataclasses import dataclass

from seewhy.data.narration.drawn.asking import Chance
from seewhy.data.narration.drawn.phrases import Phrase, SceneFacts
from seewhy.data.narration.drawn.presence import (
    absence_reasons,
    absent_phrase,
    presence_reasons,
    present_phrase,
)
from seewhy.data.narration.drawn.scenes import pick, toss
from seewhy.data.scenes import COLOURS

_UNSEEN = ("heavy", "old")


@dataclass(frozen=True)
class Hypothesis:
    """A statement, its label, and reasons for the label."""

    text: str
    label: str
    reasons: tuple[str, ...]


def hypothesis(facts: SceneFacts, chance: Chance) -> Hypothesis | None:
    """One about what can be seen or, in half of the cases, about what no picture shows.

    None where the words that were drawn name no object of the scene alone.
    """
    make = _unseen_hypothesis if toss(chance) else pick(chance, _SEEN)
    return make(facts, chance, toss(chance))


def _unseen_hypothesis(facts: SceneFacts, chance: Chance, is_there: bool) -> Hypothesis | None:
    phrase = present_phrase(facts, chance) if is_there else absent_phrase(facts, chance)
    if is_there and facts.count(phrase) > 1:
        phrase = Phrase(facts.items[facts.places(phrase)[0]].kind, phrase.colour)
    text = f"{phrase.definite} is {pick(chance, _UNSEEN)}"
    if not is_there:
        return Hypothesis(text, "contradiction", absence_reasons(facts, phrase))
    if facts.count(phrase) > 1:
        return None
    return Hypothesis(text, "neutral", (f"nothing shows whether {text}",))


def _presence_hypothesis(facts: SceneFacts, chance: Chance, is_so: bool) -> Hypothesis:
    phrase = present_phrase(facts, chance) if is_so else absent_phrase(facts, chance)
    reasons = presence_reasons(facts, phrase) if is_so else absence_reasons(facts, phrase)
    return Hypothesis(f"there is {phrase.indefinite}", _label(is_so), reasons)


def _colour_hypothesis(facts: SceneFacts, chance: Chance, is_so: bool) -> Hypothesis | None:
    place = int(chance.integers(len(facts.items)))
    names = facts.unique_names(place, hidden=("colour",))
    if not names:
        return None
    item, name = facts.items[place], pick(chance, names)
    wrong = pick(chance, [colour for colour in COLOURS if colour != item.colour])
    told = Phrase(name.noun, item.colour, name.texture)
    reasons = [f"there is {told.indefinite} {facts.where(place)}"]
    reasons.append(f"{name.definite} is {item.colour}" + ("" if is_so else f" not {wrong}"))
    text = f"{name.definite} is {item.colour if is_so else wrong}"
    return Hypothesis(text, _label(is_so), tuple(reasons))


def _place_hypothesis(facts: SceneFacts, chance: Chance, is_so: bool) -> Hypothesis | None:
    place = int(chance.integers(len(facts.items)))
    names = facts.unique_names(place)
    if not names:
        return None
    name, where = pick(chance, names).definite, facts.where(place)
    corners = [
        f"at the {level} {side}" for level in ("top", "bottom") for side in ("left", "right")
    ]
    wrong = pick(chance, [corner for corner in corners if corner != where])
    reasons = (
        f"{name} is {where}",
        f"{name} is {facts.level(place)} and {name} is {facts.side(place)}",
    )
    return Hypothesis(f"{name} is {where if is_so else wrong}", _label(is_so), reasons)


_SEEN = (_presence_hypothesis, _colour_hypothesis, _place_hypothesis)


def _label(is_so: bool) -> str:
    return "entailment" if is_so else "contradiction"
