"""Questions about a drawn scene, each with its answer and several true reasons.

A yes-or-no question is yes half of the time, whatever its words: the answer is tossed first, or
two objects change roles at random, so that nobody answers well who does not look.
"""

from collections.abc import Callable, Mapping

from seewhy.data.narration.drawn.asking import Chance, DrawnQuestion, QuestionKind
from seewhy.data.narration.drawn.comparisons import comparison_question, relation_question
from seewhy.data.narration.drawn.phrases import DIGIT, FEATURES, OBJECT, Phrase, SceneFacts
from seewhy.data.narration.drawn.presence import existence_question
from seewhy.data.narration.drawn.scenes import Variety, pick, toss
from seewhy.data.scenes import COLOURS, DIGITS, SHAPES

_SHARE_OF_NONE = 0.15


def shape_question(facts: SceneFacts, chance: Chance) -> DrawnQuestion | None:
    """What an object is that has a colour of its own, or lies somewhere."""
    place = int(chance.integers(len(facts.items)))
    item, where = facts.items[place], facts.where(place)
    names = facts.unique_names(place, hidden=("kind",))
    whole = Phrase(item.kind, item.colour)
    reasons = [f"there is {whole.indefinite} {where}", f"i see {whole.indefinite} {where}"]
    if not names or toss(chance, 0.3):
        text = pick(chance, (f"what is {where}", f"what do you see {where}"))
    else:
        name = pick(chance, names).definite
        text = pick(chance, (f"what is {name}", f"what shape is {name}", f"which shape is {name}"))
        reasons = [
            *_features(name, item.kind),
            f"{name} is {Phrase(item.kind).indefinite}",
            *reasons,
        ]
    others = tuple(kind for kind in (*SHAPES, *DIGITS) if kind != item.kind)
    return DrawnQuestion("shape", text, item.kind, tuple(reasons), others)


def colour_question(facts: SceneFacts, chance: Chance) -> DrawnQuestion | None:
    """What colour an object has."""
    place = int(chance.integers(len(facts.items)))
    item, where = facts.items[place], facts.where(place)
    names = facts.unique_names(place, hidden=("colour",))
    if not names:
        return None
    name = pick(chance, names)
    whole = Phrase(name.noun, item.colour, name.texture)
    text = pick(
        chance,
        (
            f"what colour is {name.definite}",
            f"what is the colour of {name.definite}",
            f"which colour does {name.definite} have",
        ),
    )
    reasons = (
        f"{name.definite} is {item.colour}",
        f"there is {whole.indefinite} {where}",
        f"i see {whole.indefinite} {where}",
    )
    others = tuple(colour for colour in COLOURS if colour != item.colour)
    return DrawnQuestion("colour", text, item.colour, reasons, others)


def count_question(facts: SceneFacts, chance: Chance) -> DrawnQuestion | None:
    """How many there are; of one to four, each number that the scene allows is as likely."""
    phrases = [_countable(chance) for _ in range(12)] + [Phrase(), Phrase(DIGIT)]
    numbers = sorted({facts.count(phrase) for phrase in phrases} - {0})
    number = 0 if toss(chance, _SHARE_OF_NONE) else pick(chance, numbers)
    fitting = [each for each in phrases if facts.count(each) == number]
    if not fitting:
        return None
    phrase = pick(chance, fitting)
    text = pick(
        chance,
        (
            f"how many {phrase.many} are there",
            f"how many {phrase.many} do you see",
            f"what is the number of {phrase.many}",
        ),
    )
    verb = "is" if number == 1 else "are"
    reasons = [f"there {verb} {phrase.counted(number)}", f"i count {phrase.counted(number)}"]
    if number in (1, 2):
        seen = [f"there is {phrase.indefinite} {facts.where(k)}" for k in facts.places(phrase)]
        reasons.append(" and ".join(seen))
    others = tuple(str(other) for other in range(5) if other != number)
    return DrawnQuestion("count", text, str(number), tuple(reasons), others)


def odd_question(facts: SceneFacts, chance: Chance) -> DrawnQuestion | None:
    """Which object is unlike all others, which are alike in kind or in colour."""
    found = [
        (place, trait)
        for place in range(len(facts.items))
        for trait in ("kind", "colour")
        if _is_odd(facts, place, trait)
    ]
    if len(found) != 1:
        return None
    (place, trait) = found[0]
    item = facts.items[place]
    rest = next(each for number, each in enumerate(facts.items) if number != place)
    answer = Phrase(item.kind, item.colour)
    name = Phrase(item.kind) if trait == "kind" else Phrase(colour=item.colour)
    text = pick(
        chance,
        ("which object is the odd one out", "what does not fit", "what is the odd one out"),
    )
    reasons = [f"all objects but {name.definite} are {rest.colour}"]
    if trait == "colour":
        reasons.append(f"only {answer.definite} is {item.colour}")
        reasons.append(f"only {answer.definite} is not {rest.colour}")
    else:
        plural = [Phrase(rest.kind).many] if rest.kind in SHAPES else []
        reasons = [f"all objects but {name.definite} are {each}" for each in plural]
        reasons.append(f"only {answer.definite} is {Phrase(item.kind).indefinite}")
        reasons.append(f"only {answer.definite} is not {Phrase(rest.kind).indefinite}")
    near = [Phrase(each.kind, each.colour) for each in facts.items]
    near += [Phrase(item.kind, rest.colour), Phrase(rest.kind, item.colour)]
    near += [Phrase(item.kind, colour) for colour in COLOURS][:5]
    others = tuple(dict.fromkeys(each.one for each in near if each != answer))
    return DrawnQuestion("odd one out", text, answer.one, tuple(reasons), others)


QUESTIONS: Mapping[
    QuestionKind, tuple[Variety, int, Callable[[SceneFacts, Chance], DrawnQuestion | None]]
] = {
    "shape": ("free", 1, shape_question),
    "colour": ("free", 1, colour_question),
    "count": ("repeated", 1, count_question),
    "relation": ("free", 2, relation_question),
    "existence": ("free", 1, existence_question),
    "odd one out": ("odd", 3, odd_question),
    "comparison": ("repeated", 2, comparison_question),
}
"""The variety of scenes that each kind asks about, and how many objects it needs."""


def _features(name: str, kind: str) -> list[str]:
    return [f"{name} {feature}" for feature in FEATURES.get(kind, ())]


def _countable(chance: Chance) -> Phrase:
    noun = pick(chance, (*SHAPES, OBJECT, DIGIT))
    colour = pick(chance, list(COLOURS)) if noun == OBJECT or toss(chance, 0.3) else None
    return Phrase(noun, colour)


def _is_odd(facts: SceneFacts, place: int, trait: str) -> bool:
    values = [getattr(item, trait) for item in facts.items]
    rest = values[:place] + values[place + 1 :]
    return len(rest) > 1 and len(set(rest)) == 1 and values[place] != rest[0]
