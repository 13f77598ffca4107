"""Questions that name the objects of a drawn scene by number."""

from collections.abc import Callable
from dataclasses import dataclass

from seewhy.data.narration.drawn.asking import Chance
from seewhy.data.narration.drawn.phrases import FEATURES, Phrase, SceneFacts
from seewhy.data.narration.drawn.scenes import pick


@dataclass(frozen=True)
class NumberedQuestion:
    """A question, its answer, reasons for it, and what it takes to answer."""

    kind: str
    text: str
    answer: str
    reasons: tuple[str, ...]


def numbered_question(facts: SceneFacts, chance: Chance) -> NumberedQuestion | None:
    """What an object is, its colour, or how two lie; None where the scene does not allow that."""
    return pick(chance, _QUESTIONS)(facts, chance)


def _what(facts: SceneFacts, chance: Chance) -> NumberedQuestion:
    place = int(chance.integers(len(facts.items)))
    item, name = facts.items[place], f"object{place}"
    whole = Phrase(item.kind, item.colour)
    features = [
        f"{name} {feature} and {name} is {item.colour}" for feature in FEATURES.get(item.kind, ())
    ]
    where = facts.where(place)
    reasons = (*features, f"there is {whole.indefinite} {where} and {name} is {where}")
    text = pick(chance, (f"what is {name}", f"which shape is {name}"))
    return NumberedQuestion("shape", text, f"{name} is {whole.indefinite}", reasons)


def _colour_of(facts: SceneFacts, chance: Chance) -> NumberedQuestion:
    place = int(chance.integers(len(facts.items)))
    item, name, where = facts.items[place], f"object{place}", facts.where(place)
    reasons = (
        f"there is {Phrase(colour=item.colour).indefinite} {where} and {name} is {where}",
        f"{name} is {Phrase(item.kind, item.colour).indefinite}",
    )
    text = pick(chance, (f"what colour is {name}", f"which colour does {name} have"))
    return NumberedQuestion("colour", text, f"{name} is {item.colour}", reasons)


def _side_of(facts: SceneFacts, chance: Chance) -> NumberedQuestion | None:
    if len(facts.items) < 2:
        return None
    first, second = chance.permutation(len(facts.items))[:2].tolist()
    relation = pick(chance, ("left of", "above"))
    where = facts.side if relation == "left of" else facts.level
    if where(first) == where(second):
        return None
    answer = "yes" if facts.relates(first, relation, second) else "no"
    places = [f"object{place} is {where(place)}" for place in (first, second)]
    reasons = (" and ".join(places), " and ".join(reversed(places)))
    text = f"is object{first} {relation} object{second}"
    return NumberedQuestion("relation", text, answer, reasons)


_QUESTIONS: tuple[Callable[[SceneFacts, Chance], NumberedQuestion | None], ...] = (
    _what,
    _colour_of,
    _side_of,
)
