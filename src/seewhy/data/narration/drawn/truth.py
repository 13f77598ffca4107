"""Whether a reason in the words of the drawn questions is true of a scene."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from seewhy.data.narration.drawn.phrases import COUNTS, FEATURES, SceneFacts, Test, read_phrase
from seewhy.data.scenes import COLOURS, TEXTURES, Scene

Verdict = Literal["true", "false", "not understood"]

_PHRASE = r"([a-z0-9 ]+?)"
_REFERENCE = r"(the [a-z0-9 ]+?|object\d+|it)"
_PLACE = r"(at the (?:top|bottom)(?: left| right)?|on the (?:left|right))"
_PREDICATE = r"([a-z0-9 ]+?)"
_RELATION = r"(left of|right of|above|below|larger than|smaller than)"
_COUNT = rf"({'|'.join(COUNTS)})"


@dataclass(frozen=True)
class CheckedStatement:
    """One statement of a reason and whether it holds."""

    text: str
    verdict: Verdict


def check_statements(reason: str, scene: Scene) -> tuple[CheckedStatement, ...]:
    """Every statement of a reason, which are joined by "and"; case and a full stop do not count."""
    plain = " ".join(reason.lower().replace(",", " ").split()).removesuffix(".")
    facts = SceneFacts(scene)
    return tuple(
        CheckedStatement(text, _verdict(text, facts))
        for text in plain.removeprefix("because ").split(" and ")
    )


def truth_of(reason: str, scene: Scene) -> Verdict:
    """Whether every stated object, attribute, number and relation holds.

    "false" if one statement is, else "not understood" if one is not. A name such as "the circle"
    must fit one object alone, "it" is the largest, and "object2" the third of the scene.
    """
    verdicts = {checked.verdict for checked in check_statements(reason, scene)}
    if "false" in verdicts:
        return "false"
    return "not understood" if "not understood" in verdicts else "true"


class _NotUnderstoodError(Exception):
    pass


class _NothingMeantError(Exception):
    pass


Words = tuple[str | None, ...]


@dataclass(frozen=True)
class _Reader:
    """The words of one statement as objects and tests of a scene."""

    facts: SceneFacts

    def places(self, text: str | None) -> list[int]:
        """The objects of a phrase."""
        phrase = read_phrase(text or "")
        if phrase is None:
            raise _NotUnderstoodError
        return self.facts.places(phrase)

    def place(self, text: str | None) -> int:
        """The one object that is meant."""
        if text == "it":
            found = [] if self.facts.main is None else [self.facts.main]
        elif text and text.startswith("object"):
            number = int(text.removeprefix("object"))
            found = [number] if number < len(self.facts.items) else []
        else:
            found = self.places((text or "").removeprefix("the "))
        if len(found) != 1:
            raise _NothingMeantError
        return found[0]

    def test(self, text: str | None) -> Test:
        """What is said of objects behind "is" or "are"."""
        words = text or ""
        if words in COLOURS:
            return lambda place: self.facts.items[place].colour == words
        if words in TEXTURES:
            return lambda place: self.facts.items[place].texture == words
        if re.fullmatch(_PLACE, words):
            return lambda place: self.facts.is_in(place, words)
        fitting = self.places(re.sub(r"^an? ", "", words))
        return lambda place: place in fitting

    def others(self, place: int) -> list[int]:
        """All other objects."""
        return [other for other in range(len(self.facts.items)) if other != place]


def _counted(read: _Reader, words: Words) -> bool:
    number, phrase, place = words
    found = [each for each in read.places(phrase) if place is None or read.facts.is_in(each, place)]
    return COUNTS[len(found)] == number


def _exists(read: _Reader, words: Words) -> bool:
    phrase, place = words
    return any(place is None or read.facts.is_in(each, place) for each in read.places(phrase))


def _all(read: _Reader, words: Words) -> bool:
    quantifier, predicate = words
    test, count = read.test(predicate), len(read.facts.items)
    return (quantifier == "all" or count == 2) and all(test(place) for place in range(count))


def _all_but(read: _Reader, words: Words) -> bool:
    place, test = read.place(words[0]), read.test(words[1])
    others = read.others(place)
    return bool(others) and not test(place) and all(test(other) for other in others)


def _only(read: _Reader, words: Words) -> bool:
    reference, negation, predicate = words
    place, test, wanted = read.place(reference), read.test(predicate), negation is None
    return test(place) == wanted and all(test(other) != wanted for other in read.others(place))


def _related(read: _Reader, words: Words) -> bool:
    first, relation, second = words
    return read.facts.relates(read.place(first), relation or "", read.place(second))


def _largest(read: _Reader, words: Words) -> bool:
    return read.place(words[0]) == read.facts.main


def _featured(read: _Reader, words: Words) -> bool:
    reference, feature = words
    return feature in FEATURES.get(read.facts.items[read.place(reference)].kind, ())


def _unseen(read: _Reader, words: Words) -> bool:
    return read.place(words[0]) >= 0


def _is(read: _Reader, words: Words) -> bool:
    reference, negation, predicate, excluded = words
    place = read.place(reference)
    holds = read.test(predicate)(place) == (negation is None)
    return holds and (excluded is None or not read.test(excluded)(place))


def _compared(read: _Reader, words: Words) -> bool:
    direction, first, second = words
    one, other = len(read.places(first)), len(read.places(second))
    return one > other if direction == "more" else one < other


def _equal(read: _Reader, words: Words) -> bool:
    return len(read.places(words[0])) == len(read.places(words[1]))


def _full(read: _Reader, _words: Words) -> bool:
    return len({read.facts.cell(place) for place in range(len(read.facts.items))}) == 4


_FEATURE = "|".join(sorted({feature for each in FEATURES.values() for feature in each}))

_RULES: tuple[tuple[re.Pattern[str], Callable[[_Reader, Words], bool]], ...] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (rf"there are (more|fewer) {_PHRASE} than {_PHRASE}", _compared),
        (rf"there are as many {_PHRASE} as {_PHRASE}", _equal),
        (
            rf"(?:there (?:is|are)|i see|i count)(?: only)? {_COUNT} {_PHRASE}(?: {_PLACE})?",
            _counted,
        ),
        (rf"(?:there is|i see) an? {_PHRASE}(?: {_PLACE})?", _exists),
        (r"every corner has an object", _full),
        (rf"all objects but {_REFERENCE} are {_PREDICATE}", _all_but),
        (rf"(all|both) objects are {_PREDICATE}", _all),
        (rf"only {_REFERENCE} is (not )?{_PREDICATE}", _only),
        (rf"nothing shows whether {_REFERENCE} is (?:heavy|old)", _unseen),
        (rf"{_REFERENCE} is {_RELATION} {_REFERENCE}", _related),
        (rf"{_REFERENCE} is the largest object", _largest),
        (rf"{_REFERENCE} ({_FEATURE})", _featured),
        (rf"{_REFERENCE} is (not )?{_PREDICATE}(?: not {_PREDICATE})?", _is),
    )
)


def _verdict(text: str, facts: SceneFacts) -> Verdict:
    for pattern, rule in _RULES:
        match = pattern.fullmatch(text)
        if match is not None:
            try:
                return "true" if rule(_Reader(facts), match.groups()) else "false"
            except _NothingMeantError:
                return "false"
            except _NotUnderstoodError:
                continue
    return "not understood"
