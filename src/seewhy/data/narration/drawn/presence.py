"""Whether there is such an object in a drawn scene: words that fit one or none, and reasons."""

from seewhy.data.narration.drawn.asking import Chance, DrawnQuestion, other_answer
from seewhy.data.narration.drawn.phrases import OBJECT, Phrase, SceneFacts
from seewhy.data.narration.drawn.scenes import pick, random_kinds, toss
from seewhy.data.scenes import COLOURS

_PARTS = ("kind", "colour", "both", "both")


def existence_question(facts: SceneFacts, chance: Chance) -> DrawnQuestion | None:
    """Whether there is such an object."""
    is_there = toss(chance)
    phrase = present_phrase(facts, chance) if is_there else absent_phrase(facts, chance)
    text = pick(
        chance,
        (
            f"is there {phrase.indefinite}",
            f"do you see {phrase.indefinite}",
            f"does the picture show {phrase.indefinite}",
        ),
    )
    reasons = presence_reasons(facts, phrase) if is_there else absence_reasons(facts, phrase)
    return DrawnQuestion(
        "existence", text, "yes" if is_there else "no", reasons, other_answer(is_there)
    )


def present_phrase(facts: SceneFacts, chance: Chance) -> Phrase:
    """Words that fit an object of the scene."""
    item = pick(chance, facts.items)
    return _partly(Phrase(item.kind, item.colour), pick(chance, _PARTS))


def absent_phrase(facts: SceneFacts, chance: Chance) -> Phrase:
    """Words that fit no object, half of the time with the kind or the colour of one.

    Every wording is as likely as in `present_phrase`, so that it does not tell the answer.
    """
    part, kinds = pick(chance, _PARTS), random_kinds(chance)
    while True:
        item = pick(chance, facts.items)
        kind, colour = pick(chance, kinds), pick(chance, list(COLOURS))
        if item.kind in kinds and toss(chance):
            kind = item.kind
        elif toss(chance):
            colour = item.colour
        phrase = _partly(Phrase(kind, colour), part)
        if not facts.count(phrase):
            return phrase


def presence_reasons(facts: SceneFacts, phrase: Phrase) -> tuple[str, ...]:
    """Where it is, and what it is."""
    place = facts.places(phrase)[0]
    item, where = facts.items[place], facts.where(place)
    whole = Phrase(item.kind, item.colour)
    reasons = [f"there is {phrase.indefinite} {where}", f"i see {whole.indefinite} {where}"]
    if facts.count(phrase) == 1:
        reasons.append(f"{phrase.definite} is {where}")
    return tuple(reasons)


def absence_reasons(facts: SceneFacts, phrase: Phrase) -> tuple[str, ...]:
    """That there is none, and which colour or kind there is instead."""
    reasons = [f"there is no {phrase.one}"]
    same_kind = facts.places(Phrase(phrase.noun)) if phrase.noun != OBJECT else []
    same_colour = facts.places(Phrase(colour=phrase.colour)) if phrase.colour else []
    if len(same_kind) == 1 and phrase.colour:
        colour = facts.items[same_kind[0]].colour
        reasons.append(f"the {phrase.noun} is {colour} not {phrase.colour}")
    if len(same_colour) == 1 and phrase.noun != OBJECT:
        kind = Phrase(facts.items[same_colour[0]].kind)
        reasons.append(f"the {phrase.colour} object is {kind.indefinite}")
    if len(reasons) == 1:
        items = [Phrase(item.kind, item.colour).indefinite for item in facts.items[:2]]
        reasons.append(" and ".join(f"i see {each}" for each in items))
    return tuple(reasons)


def _partly(phrase: Phrase, part: str) -> Phrase:
    match part:
        case "kind":
            return Phrase(phrase.noun)
        case "colour":
            return Phrase(colour=phrase.colour)
        case _:
            return phrase
