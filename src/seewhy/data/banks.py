"""Banks of concepts: the short texts that an explanation chooses its words from."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from seewhy.base.errors import UsageError

Reason = Literal[
    "blank", "repeated", "names a class", "too long", "no list item",
    "unknown words", "same tokens", "longer than the context",
]  # fmt: skip

MOST_TEXTS = 1_000_000
MOST_WORDS = 20
"""Words of the longest text that counts as short, unless told otherwise."""

_TOKEN = re.compile(r"[^\W_]+|[^\w\s-]")


@dataclass(frozen=True)
class DroppedText:
    """A text that a bank left out, and why."""

    text: str
    reason: Reason


@dataclass(frozen=True)
class ConceptBank:
    """Different short texts; the place of a text is its id. At least two.

    `by_class` holds, where the texts were given by class, the ids of each class. `dropped` and
    `notes` tell what cleaning left out. Texts that differ in case or spaces alone are refused.
    """

    texts: tuple[str, ...]
    origin: str
    dropped: tuple[DroppedText, ...] = ()
    reading: tuple[str, ...] = ()
    by_class: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _check_size(self.texts, self.origin, self.dropped)
        first: dict[str, int] = {}
        for number, text in enumerate(self.texts):
            _check_text(text, f"text {number} of {self.origin}")
            other = first.setdefault(_folded(text), number)
            if other != number or text != _spaced(text):
                raise UsageError(
                    f"text {number} of {self.origin}, {text!r:.80}, repeats another or has space "
                    "to spare; make the bank with concept_bank(texts, origin=...), which cleans."
                )

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the texts in their order."""
        return hashlib.sha256(json.dumps(self.texts).encode()).hexdigest()

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {_folded(text): number for number, text in enumerate(self.texts)}

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each reason for which texts were left out, with an example."""
        counts = Counter(item.reason for item in self.dropped)
        example = {item.reason: item.text for item in reversed(self.dropped)}
        return self.reading + tuple(
            f"{self.origin}: {count:,} left out ({reason}), such as {example[reason][:60]!r}"
            for reason, count in counts.items()
        )

    def ids(self, texts: Iterable[str]) -> tuple[int, ...]:
        """The ids of texts, whatever their case; raises `UsageError` for one that is not there."""
        given = list(texts)
        lacking = [text for text in given if _folded(text) not in self._ids]
        if lacking:
            raise UsageError(
                f"{len(lacking)} of {len(given)} texts are not in {self.origin}, such as "
                f"{lacking[0]!r:.80}."
            )
        return tuple(self._ids[_folded(text)] for text in given)

    def without(self, reasons: Mapping[int, Reason]) -> "ConceptBank":
        """A bank that lacks these ids; the others move up."""
        kept = [number for number in range(len(self)) if number not in reasons]
        moved = {number: place for place, number in enumerate(kept)}
        lost = (DroppedText(self.texts[number], reasons[number]) for number in sorted(reasons))
        return ConceptBank(
            tuple(self.texts[number] for number in kept),
            self.origin,
            (*self.dropped, *lost),
            self.reading,
            {
                name: tuple(moved[number] for number in ids if number in moved)
                for name, ids in self.by_class.items()
            },
        )


def concept_bank(
    texts: Sequence[object],
    *,
    origin: str,
    class_names: Sequence[str] = (),
    most_words: int = MOST_WORDS,
) -> ConceptBank:
    """A bank out of a list of texts.

    Left out, and told in `dropped`: blank texts, those that differ from an earlier one in case or
    spaces alone, those of more than `most_words` words, and those that name one of the classes: its
    words in a row, also in the plural, or those of one of its names where commas part several.
    Raises `UsageError` for what is no text, naming its place, and when fewer than two are left.
    """
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise UsageError(f"{origin} is {texts!r:.80}; wanted a list of texts.")
    return _built([("", texts)], origin=origin, names=class_names, most_words=most_words)


def descriptor_bank(
    descriptors: Mapping[Any, Any],
    *,
    origin: str,
    class_names: Sequence[str] = (),
    most_words: int = MOST_WORDS,
) -> ConceptBank:
    """A bank out of lists by class, pooled in their order; `by_class` says which are whose.

    The classes count as `class_names` too: a text that names any of them is left out. The rest is
    as in `concept_bank`.
    """
    groups = [(_class_name(name, origin), _listed(name, descriptors[name], origin))
              for name in descriptors]  # fmt: skip
    names = [*(name for name, _ in groups), *class_names]
    return _built(groups, origin=origin, names=names, most_words=most_words)


def _built(
    groups: Sequence[tuple[str, Sequence[object]]],
    *,
    origin: str,
    names: Sequence[str],
    most_words: int,
) -> ConceptBank:
    if most_words < 1:
        raise UsageError(f"most_words is {most_words}; wanted at least 1.")
    avoided = _ClassWords(names)
    ids: dict[str, int] = {}
    kept: list[str] = []
    dropped: list[DroppedText] = []
    by_class: dict[str, dict[int, None]] = {name: {} for name, _ in groups if name}
    for name, number, given in _entries(groups):
        place = f"text {number} of {origin}" + (f" under {name!r:.60}" if name else "")
        text = _spaced(_check_type(given, place))
        folded = _folded(text)
        reason = _reason(text, avoided, most_words)
        if reason is None and folded in ids:
            reason = "repeated"
        elif reason is None:
            ids[folded] = len(kept)
            kept.append(text)
        if reason is not None:
            dropped.append(DroppedText(text, reason))
        if name and folded in ids:
            by_class[name][ids[folded]] = None
    listed = {name: tuple(numbers) for name, numbers in by_class.items()}
    return ConceptBank(tuple(kept), origin, tuple(dropped), (), listed)


def _entries(
    groups: Sequence[tuple[str, Sequence[object]]],
) -> Iterator[tuple[str, int, object]]:
    for name, texts in groups:
        for number, text in enumerate(texts):
            yield name, number, text


def _reason(text: str, avoided: "_ClassWords", most_words: int) -> Reason | None:
    if not text:
        return "blank"
    if len(text.split()) > most_words:
        return "too long"
    return "names a class" if avoided.occur_in(text) else None


class _ClassWords:
    """The words of class names, to be found in a row in a text."""

    def __init__(self, names: Sequence[str]) -> None:
        if isinstance(names, str):
            raise UsageError(f"class names are {names!r:.80}; wanted a list of names.")
        for number, name in enumerate(names):
            _check_text(name, f"class name {number}")
        parts = (part for name in names for part in name.split(","))
        self._known = {words for part in parts if (words := _tokens(part))}
        self._lengths = sorted({len(words) for words in self._known})

    def occur_in(self, text: str) -> bool:
        words = _tokens(text) if self._known else ()
        return any(
            self._is_known(words[start : start + length])
            for length in self._lengths
            for start in range(len(words) - length + 1)
        )

    def _is_known(self, words: tuple[str, ...]) -> bool:
        *front, last = words
        return any((*front, last.removesuffix(plural)) in self._known for plural in ("", "s", "es"))


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text.casefold()))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _folded(text: str) -> str:
    return _spaced(text).casefold()


def _check_type(text: object, place: str) -> str:
    if not isinstance(text, str):
        raise UsageError(f"{place} is {text!r:.80}; wanted a text.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{place} is {text!r:.80}, which is no valid Unicode.") from error
    return text


def _check_text(text: object, place: str) -> None:
    if not _check_type(text, place).strip():
        raise UsageError(f"{place} is {text!r}; wanted a text that is not empty.")


def _check_size(texts: Sequence[object], origin: str, dropped: Sequence[DroppedText]) -> None:
    if 2 <= len(texts) <= MOST_TEXTS:
        return
    reasons = Counter(item.reason for item in dropped)
    left_out = "; ".join(f"{count:,} {reason}" for reason, count in reasons.items())
    raise UsageError(
        f"{origin} gives {len(texts):,} text(s)"
        + (f" after leaving some out ({left_out})" if left_out else "")
        + f"; a bank needs 2 to {MOST_TEXTS:,} different ones, as one alone wins always."
    )


def _class_name(name: object, origin: str) -> str:
    _check_text(name, f"a class of {origin}")
    return str(name)


def _listed(name: object, texts: object, origin: str) -> Sequence[object]:
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise UsageError(f"{origin}: class {name!r:.60} has {texts!r:.80}; wanted a list of texts.")
    return texts
