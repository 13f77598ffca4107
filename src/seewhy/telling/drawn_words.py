"""Names of drawn objects in a statement, by the grammar of the drawn questions' reasons."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from seewhy.data.narration.drawn.phrases import COUNTS, FEATURES, OBJECT, Phrase, read_phrase
from seewhy.data.scenes import COLOURS, TEXTURES
from seewhy.telling.phrases import NounPhrase

_FEATURE_WORDS = {word for each in FEATURES.values() for text in each for word in text.split()}
_TEXT = """
a all an and are as at because below above bottom both but corner count every fewer has heavy i
is it larger largest left many more not nothing of old on only right see shows smaller than the
there top whether
"""
_WORDS = frozenset(_TEXT.split()).union(_FEATURE_WORDS, COUNTS)
_NUMBERED = re.compile(r"object\d+")
_PLACE = re.compile(r"(not )?(?:at the (top|bottom)( left| right)?|on the (left|right))$")
_LINK = re.compile(r"(?:is|are)( not)?(?: an?)?")
_EXCEPT = re.compile(r"not(?: an?)?")


@dataclass(frozen=True)
class _Run:
    """Words in a row that name something, or only say what it is like."""

    phrase: Phrase
    start: int
    stop: int

    @property
    def places(self) -> tuple[int, ...]:
        return tuple(range(self.start, self.stop))


@dataclass(frozen=True)
class _Meant:
    """An object, and the words that speak of it."""

    phrase: Phrase
    words: tuple[int, ...]
    is_negated: bool = False

    def told(self, run: _Run) -> "_Meant":
        """The same object with what is said of it in a predicate."""
        phrase = Phrase(
            self.phrase.noun if run.phrase.noun == OBJECT else run.phrase.noun,
            run.phrase.colour or self.phrase.colour,
            run.phrase.texture or self.phrase.texture,
        )
        return _Meant(phrase, self.words + run.places)


def drawn_phrases(words: Sequence[str], *, answer: str = "") -> tuple[NounPhrase, ...] | None:
    """The objects that a statement names, without those of which it says nothing.

    "It" is the answer, if that names an object.
    None where it does not speak the language of drawn scenes. What it compares is taken as far as
    it must be there: of "more circles than squares" the circles.
    """
    runs = list(_runs(words, read_phrase(answer) or Phrase()))
    named = {place for run in runs for place in run.places}
    if not runs or any(
        word not in _WORDS for place, word in enumerate(words) if word and place not in named
    ):
        return None
    runs = _compared(words, runs)
    meant = _quantified(runs) if words[0] in ("all", "both") else _linked(words, runs)
    found = [
        NounPhrase(each.phrase.indefinite, each.words, is_negated=each.is_negated)
        for each in meant
        if each.phrase != Phrase()
    ]
    return tuple(_placed(words, meant, found))


def _runs(words: Sequence[str], it: Phrase) -> Iterator[_Run]:
    start = 0
    while start < len(words):
        is_it = words[start] == "it"
        run = _Run(it, start, start + 1) if is_it else _run_at(words, start)
        if run is not None:
            yield run
        start = start + 1 if run is None else run.stop


def _run_at(words: Sequence[str], start: int) -> _Run | None:
    """The longest name or predicate that begins here."""
    texture = words[start] if words[start] in TEXTURES else None
    place = start + (texture is not None)
    colour = words[place] if place < len(words) and words[place] in COLOURS else None
    place += colour is not None
    noun = _noun(words[place]) if place < len(words) else None
    place += noun is not None
    return None if place == start else _Run(Phrase(noun or OBJECT, colour, texture), start, place)


def _noun(word: str) -> str | None:
    if _NUMBERED.fullmatch(word):
        return OBJECT
    phrase = read_phrase(word)
    return None if phrase is None else phrase.noun


def _compared(words: Sequence[str], runs: list[_Run]) -> list[_Run]:
    """Without what may be missing in a true comparison of numbers."""
    if "many" in words:
        return []
    if "more" in words:
        return runs[:1]
    return runs[1:] if "fewer" in words else runs


def _quantified(runs: Sequence[_Run]) -> list[_Meant]:
    """All objects but the first are what the second says: neither is said of the other."""
    return [_Meant(run.phrase, run.places) for run in runs]


def _linked(words: Sequence[str], runs: Sequence[_Run]) -> list[_Meant]:
    """Objects with what "is" says of them."""
    found: list[_Meant] = []
    subject: _Meant | None = None
    stop = 0
    for run in runs:
        between = " ".join(words[stop : run.start])
        stop = run.stop
        link = _LINK.fullmatch(between)
        if subject is not None and (link or _EXCEPT.fullmatch(between)):
            is_negated = link is None or link[1] is not None
            told = subject.told(run)
            if not is_negated:
                found[-1] = subject = told
            elif words[0] != "only":
                found.append(replace(told, is_negated=True))
            continue
        subject = _Meant(run.phrase, run.places, is_negated=bool(re.search(r"\bno$", between)))
        found.append(subject)
    return found


def _placed(
    words: Sequence[str], meant: Sequence[_Meant], found: list[NounPhrase]
) -> list[NounPhrase]:
    """With the place that a statement ends with, which belongs to the object named last."""
    place = _PLACE.search(" ".join(words))
    if place is None or place[1] or not found or meant[-1].phrase == Phrase():
        return found
    where = " ".join(filter(None, (place[2], (place[3] or "").strip(), place[4])))
    return [*found[:-1], replace(found[-1], place=where)]
