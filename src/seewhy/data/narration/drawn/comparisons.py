"""How two objects of a drawn scene lie to each other, which is larger, and of which are more."""

from seewhy.data.narration.drawn.asking import (
    OPPOSITES,
    Chance,
    DrawnQuestion,
    Role,
    other_answer,
    two_roles,
)
from seewhy.data.narration.drawn.phrases import Phrase, SceneFacts
from seewhy.data.narration.drawn.scenes import pick, toss
from seewhy.data.scenes import DIGITS, SHAPES

_RELATIONS = ("left of", "right of", "above", "below")


def relation_question(facts: SceneFacts, chance: Chance) -> DrawnQuestion | None:
    """Whether one object lies so to another one, or which does."""
    roles = two_roles(facts, chance)
    if roles is None:
        return None
    first, second = roles
    across, down = _differ(facts, first, second)
    relation = pick(chance, _RELATIONS[:2] * across + _RELATIONS[2:] * down)
    holds = facts.relates(first.place, relation, second.place)
    words = relation if holds else OPPOSITES[relation]
    reasons = (
        f"{first.name} is {words} {second.name}",
        f"{second.name} is {OPPOSITES[words]} {first.name}",
        _two_places(facts, first, second, words),
    )
    if toss(chance, 0.3) and _is_alone(facts, first.place, words, second.place):
        kind = facts.items[first.place].kind
        whole = Phrase(kind, facts.items[first.place].colour)
        text = pick(
            chance, (f"what is {words} {second.name}", f"which object is {words} {second.name}")
        )
        others = tuple(other for other in (*SHAPES, *DIGITS) if other != kind)
        told = f"there is {whole.indefinite} {facts.where(first.place)}"
        return DrawnQuestion("relation", text, kind, (reasons[0], told, reasons[2]), others)
    text = pick(
        chance,
        (
            f"is {first.name} {relation} {second.name}",
            f"do you see {first.name} {relation} {second.name}",
            f"does the picture show {first.name} {relation} {second.name}",
        ),
    )
    return DrawnQuestion("relation", text, "yes" if holds else "no", reasons, other_answer(holds))


def comparison_question(facts: SceneFacts, chance: Chance) -> DrawnQuestion | None:
    """Whether there are more of some objects, or which of two is larger."""
    return _size_question(facts, chance) if toss(chance) else _more_question(facts, chance)


def _differ(facts: SceneFacts, first: Role, second: Role) -> tuple[bool, bool]:
    (x1, y1), (x2, y2) = facts.cell(first.place), facts.cell(second.place)
    return x1 != x2, y1 != y2


def _two_places(facts: SceneFacts, first: Role, second: Role, relation: str) -> str:
    where = facts.side if relation in _RELATIONS[:2] else facts.level
    return f"{first.name} is {where(first.place)} and {second.name} is {where(second.place)}"


def _is_alone(facts: SceneFacts, place: int, relation: str, other: int) -> bool:
    found = [k for k in range(len(facts.items)) if facts.relates(k, relation, other)]
    return found == [place]


def _more_question(facts: SceneFacts, chance: Chance) -> DrawnQuestion | None:
    traits = [[Phrase(item.kind) for item in facts.items if item.kind in SHAPES]]
    traits.append([Phrase(colour=item.colour) for item in facts.items])
    present = list(dict.fromkeys(pick(chance, traits)))
    if len(present) < 2:
        return None
    first, second = (present[place] for place in chance.permutation(len(present))[:2].tolist())
    one, other = facts.count(first), facts.count(second)
    if one == other:
        return None
    word = pick(chance, ("more", "fewer"))
    is_so = one > other if word == "more" else one < other
    text = pick(
        chance,
        (
            f"are there {word} {first.many} than {second.many}",
            f"do you see {word} {first.many} than {second.many}",
            f"does the picture show {word} {first.many} than {second.many}",
        ),
    )
    counts = (
        f"there {'is' if number == 1 else 'are'} {phrase.counted(number)}"
        for phrase, number in ((first, one), (second, other))
    )
    reasons = (
        f"there are {'more' if one > other else 'fewer'} {first.many} than {second.many}",
        " and ".join(counts),
        f"there are {'more' if one < other else 'fewer'} {second.many} than {first.many}",
    )
    return DrawnQuestion("comparison", text, "yes" if is_so else "no", reasons, other_answer(is_so))


def _size_question(facts: SceneFacts, chance: Chance) -> DrawnQuestion | None:
    roles = two_roles(facts, chance)
    if roles is None or any(facts.items[role.place].kind in DIGITS for role in roles):
        return None
    first, second = roles
    if facts.size(first.place) == facts.size(second.place):
        return None
    relation = pick(chance, ("larger than", "smaller than"))
    holds = facts.relates(first.place, relation, second.place)
    words = relation if holds else OPPOSITES[relation]
    text = pick(
        chance,
        (
            f"is {first.name} {relation} {second.name}",
            f"does the picture show {first.name} {relation} {second.name}",
            f"do you see {first.name} {relation} {second.name}",
        ),
    )
    reasons = (
        f"{first.name} is {words} {second.name}",
        f"{second.name} is {OPPOSITES[words]} {first.name}",
    )
    return DrawnQuestion("comparison", text, "yes" if holds else "no", reasons, other_answer(holds))
