"""Words of captions and their ids, in the order of the published word maps."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from seewhy.base.errors import UsageError

PAD, UNKNOWN, START, END = SPECIAL = ("<pad>", "<unk>", "<start>", "<end>")
_FORMAT = "seewhy.editing-words/1"


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    format: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class EditVocabulary:
    """Ids: 0 for padding, 1 to n for `words`, then unknown, start and end.

    `UsageError` for a word that stands twice, is empty, holds spaces or is one of `SPECIAL`.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        for word in self.words:
            if word in SPECIAL or word.split() != [word]:
                raise UsageError(f"{word!r} is no word of a vocabulary: give single words.")
        if len(self._index) != len(self.words):
            twice = next(word for word, count in Counter(self.words).items() if count > 1)
            raise UsageError(f"a vocabulary holds {twice!r} twice; each word needs one place.")

    @property
    def pad(self) -> int:
        """The id behind the end of a caption."""
        return 0

    @property
    def unknown(self) -> int:
        """The id of every word without one of its own."""
        return len(self.words) + 1

    @property
    def start(self) -> int:
        """The id before the first word."""
        return len(self.words) + 2

    @property
    def end(self) -> int:
        """The id after the last word."""
        return len(self.words) + 3

    @property
    def size(self) -> int:
        """Number of ids, from 0."""
        return len(self.words) + len(SPECIAL)

    def encode(self, words: Sequence[str]) -> list[int]:
        """The id of each word; names of special ids are unknown words like others."""
        return [self._index.get(word, self.unknown) for word in words]

    def decode(self, ids: Iterable[int]) -> tuple[str, ...]:
        """The words of ids, padding, start and end left out; `UsageError` for no such id."""
        left_out = {self.pad, self.start, self.end}
        kept = [number for number in map(int, ids) if number not in left_out]
        strange = [number for number in kept if not 0 < number <= self.unknown]
        if strange:
            raise UsageError(f"no word has the id {strange[0]}; ids here are 0 to {self.end}.")
        return tuple(UNKNOWN if n == self.unknown else self.words[n - 1] for n in kept)

    def word_map(self) -> dict[str, int]:
        """Word to id as in the published files."""
        special = {UNKNOWN: self.unknown, START: self.start, END: self.end, PAD: self.pad}
        return {**self._index, **special}

    def to_json(self) -> str:
        """The vocabulary as JSON that `edit_vocabulary` reads."""
        stored = {"format": _FORMAT, "words": self.words}
        return json.dumps(stored, ensure_ascii=False, indent=1) + "\n"

    @cached_property
    def _index(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words, start=1)}


def edit_vocabulary(text: str) -> EditVocabulary:
    """The vocabulary of `EditVocabulary.to_json` or of a published word map, from their JSON."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise UsageError(f"no vocabulary of captions: no JSON ({error}).") from error
    if isinstance(content, dict) and "format" not in content:
        return _of_map(content)
    try:
        stored = _Stored.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the text"
        raise UsageError(
            f"no vocabulary of captions: {place}: {first['msg']}. Wanted is the JSON of "
            "`EditVocabulary.to_json`, or a word map from words to ids."
        ) from error
    if stored.format != _FORMAT:
        raise UsageError(f"a vocabulary of the format {stored.format!r}; wanted is {_FORMAT!r}.")
    return EditVocabulary(stored.words)


def _of_map(content: Mapping[str, Any]) -> EditVocabulary:
    ids = {word: number for word, number in content.items() if type(number) is int}
    by_id = sorted((number, word) for word, number in ids.items() if word not in SPECIAL)
    found = EditVocabulary(tuple(word for _, word in by_id))
    if len(ids) != len(content) or found.word_map() != ids:
        raise UsageError(
            f"a word map of {len(content)} words has other ids than 0 for {PAD}, 1 and on for "
            f"words, and then {UNKNOWN}, {START} and {END}. Number its words so."
        )
    return found


def vocabulary_of(captions: Iterable[Sequence[str]], *, least: int = 1) -> EditVocabulary:
    """All words that stand at least that often in the captions, in order of first appearance."""
    counts = Counter(word for caption in captions for word in caption)
    for name in SPECIAL:
        counts.pop(name, None)
    return EditVocabulary(tuple(word for word, count in counts.items() if count >= least))
