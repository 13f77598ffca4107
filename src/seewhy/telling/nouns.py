"""What a reason speaks of: its statements, and the things that each of them names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from seewhy.telling.drawn_words import drawn_phrases
from seewhy.telling.free_words import free_phrases
from seewhy.telling.phrases import NounPhrase

_MARKS = '.,;:!?"()'


@dataclass(frozen=True)
class Statement:
    """One of the statements that "and", a comma or a full stop joins to a reason."""

    text: str
    phrases: tuple[NounPhrase, ...]


def statements(reason: str, *, answer: str = "") -> tuple[Statement, ...]:
    """The statements of a reason in order; the words of their phrases count through all of it.

    What is said of drawn scenes is read by its grammar; there "it" is the answer. Any other text
    is cut at the words that can be no part of a name, which finds most names in plain sentences
    and no more.

    >>> [
    ...     phrase.text
    ...     for each in statements("the circle is red and there is a star")
    ...     for phrase in each.phrases
    ... ]
    ['a red circle', 'a star']
    """
    spoken = reason.lower().split()
    found: list[Statement] = []
    start = 0
    for place, word in enumerate([*spoken, "and"]):
        is_joint = word.strip(_MARKS) == "and"
        if not is_joint and word[-1] not in ",;.":
            continue
        stop = place if is_joint else place + 1
        if stop > start:
            found.append(_statement(spoken[start:stop], start, answer))
        start = place + 1
    return tuple(found)


def _statement(spoken: Sequence[str], start: int, answer: str) -> Statement:
    words = [word.strip(_MARKS) for word in spoken]
    drawn = drawn_phrases(words, answer=answer)
    phrases = free_phrases(words) if drawn is None else drawn
    moved = (
        replace(phrase, words=tuple(start + place for place in phrase.words)) for phrase in phrases
    )
    return Statement(" ".join(filter(None, words)), tuple(moved))
