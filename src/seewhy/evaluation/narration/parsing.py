"""An answer and its reason out of one generated sentence."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Parsing = Literal["first", "nlx-gpt", "e-snli-ve", "uni-nlx"]

_WORD = re.compile(r"\bbecause\b", re.IGNORECASE)
_BECAUSE = "because"
_WORDS_OF_A_LOST_ANSWER = 2


@dataclass(frozen=True)
class Told:
    """What a sentence says; either may be empty."""

    answer: str
    reason: str


def parse_narration(text: str, by: Parsing = "first") -> Told:
    """Split a sentence such as "yes because there is snow".

    "first" (ours) splits at the first whole word "because"; without one all is answer and the
    reason is empty. The published rules look for the letters, take the reason after the last of
    them ("nlx-gpt" and "uni-nlx") or the first ("e-snli-ve"), and where there is none take for
    the reason the text without its first two words. "uni-nlx" also lower-cases and drops one
    final full stop.

    >>> parse_narration("yes because it is so because it is")
    Told(answer='yes', reason='it is so because it is')
    >>> parse_narration("yes because it is so because it is", "nlx-gpt")
    Told(answer='yes', reason='it is')
    """
    return _RULES[by](text)


def _at_first_word(text: str) -> Told:
    answer, *rest = _WORD.split(text, maxsplit=1)
    return Told(answer.strip(), rest[0].strip() if rest else "")


def _after_last(text: str) -> Told:
    answer, *rest = text.split(_BECAUSE)
    return Told(answer.strip(), rest[-1].strip() if rest else _without_answer(text))


def _after_first(text: str) -> Told:
    answer, *rest = text.split(_BECAUSE, maxsplit=1)
    return Told(answer.strip(), rest[0].strip() if rest else _without_answer(text))


def _lower_after_last(text: str) -> Told:
    return _after_last(text.lower().strip().removesuffix("."))


def _without_answer(text: str) -> str:
    return " ".join(text.split()[_WORDS_OF_A_LOST_ANSWER:])


_RULES: Mapping[Parsing, Callable[[str], Told]] = {
    "first": _at_first_word,
    "nlx-gpt": _after_last,
    "e-snli-ve": _after_first,
    "uni-nlx": _lower_after_last,
}
