"""Tokens of questions and sentences: the special ones, and a tokenizer of whole words.

As in GPT-2, a token that follows a space begins with the mark U+0120.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, ValidationError

from seewhy.base.errors import UsageError

SPACE = "\u0120"
END = "<|endoftext|>"
PAD, QUESTION, ANSWER, EXPLANATION, OBJECTS, NO_OBJECT = SPECIAL = (
    "<pad>", "<question>", "<answer>", "<explanation>", "<objects>", "<noobject>",
)  # fmt: skip
"""In the order of the published vocabularies without boxes."""
VCR_SPECIAL = (PAD, OBJECTS, QUESTION, ANSWER, EXPLANATION, NO_OBJECT)
"""In the order of the published vocabulary with boxes."""
UNKNOWN = "<unknown>"

_FORMAT = "seewhy.words/1"


@runtime_checkable
class NarrationTokenizer(Protocol):
    """Texts to tokens to ids and back; `END` and the special tokens have ids of their own."""

    @property
    def size(self) -> int:
        """Number of ids, from 0."""
        ...

    @property
    def special(self) -> tuple[str, ...]:
        """The special tokens that have an id, `END` left out."""
        ...

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text, without any special one."""
        ...

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """The ids of tokens, special ones too."""
        ...

    def text(self, ids: Sequence[int]) -> str:
        """The text of ids, special ones left out, without the space in front."""
        ...


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    format: str
    words: tuple[str, ...] = field(default=())
    special: tuple[str, ...] = SPECIAL


@dataclass(frozen=True)
class WordTokenizer:
    """Whole words between spaces, those behind a space with the mark of it.

    Ids are the words, then `END`, `UNKNOWN` and the special tokens. A word without an id gets that
    of `UNKNOWN`; `unknown_words` tells before.
    """

    words: tuple[str, ...]
    special: tuple[str, ...] = SPECIAL

    def __post_init__(self) -> None:
        if len(self._index) != self.size:
            names = (*self.words, END, UNKNOWN, *self.special)
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError(f"a vocabulary holds {twice!r} twice; each word needs one place.")

    @property
    def size(self) -> int:
        """The words, `END`, `UNKNOWN` and the special tokens."""
        return len(self.words) + 2 + len(self.special)

    def tokens(self, text: str) -> list[str]:
        """The words; the first has the mark only where the text begins with a space."""
        found = [SPACE + word for word in text.split()]
        if found and not text[0].isspace():
            found[0] = found[0].removeprefix(SPACE)
        return found

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """The place of each token, or of `UNKNOWN`."""
        unknown = self._index[UNKNOWN]
        return [self._index.get(token, unknown) for token in tokens]

    def text(self, ids: Sequence[int]) -> str:
        """The words with single spaces."""
        left_out = {END, *self.special}
        tokens = (self._tokens[number] for number in ids)
        return " ".join(token.removeprefix(SPACE) for token in tokens if token not in left_out)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """The words of a text that have no id, in order, each once."""
        unknown = (token for token in self.tokens(text) if token not in self._index)
        return tuple(dict.fromkeys(token.removeprefix(SPACE) for token in unknown))

    def to_json(self) -> str:
        """The vocabulary as JSON that `word_tokenizer` reads."""
        stored = {"format": _FORMAT, "words": self.words, "special": self.special}
        return json.dumps(stored, ensure_ascii=False, indent=1) + "\n"

    @cached_property
    def _tokens(self) -> tuple[str, ...]:
        return (*self.words, END, UNKNOWN, *self.special)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {token: place for place, token in enumerate(self._tokens)}


def word_tokenizer(text: str) -> WordTokenizer:
    """The tokenizer that `WordTokenizer.to_json` wrote; `UsageError` for any other text."""
    try:
        stored = _Stored.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the text"
        raise UsageError(
            f"no vocabulary of words: {place}: {first['msg']}. Wanted is the JSON of "
            "`WordTokenizer.to_json`."
        ) from error
    if stored.format != _FORMAT:
        raise UsageError(f"a vocabulary of the format {stored.format!r}; wanted is {_FORMAT!r}.")
    return WordTokenizer(stored.words, stored.special)


def build_word_tokenizer(
    texts: Iterable[str], *, objects: int = 0, special: tuple[str, ...] = SPECIAL
) -> WordTokenizer:
    """All words of the texts, sorted, and the numbers of that many objects.

    A word gets a token of its own where it begins a text, so give texts as rows have them:
    questions as they are, and what follows them with a space in front.
    """
    plain = WordTokenizer((), special)
    words = {token for text in texts for token in plain.tokens(text)}
    words |= {f"{SPACE}{number}" for number in range(objects)}
    return WordTokenizer(tuple(sorted(words - {END, UNKNOWN, *special})), special)


def forbidden_ids(tokenizer: NarrationTokenizer) -> list[int]:
    """Ids that no sentence may hold, to be taken out of the logits: the special tokens.

    So is that which stands for words without an id.
    """
    if isinstance(tokenizer, WordTokenizer):
        return tokenizer.ids((*tokenizer.special, UNKNOWN))
    return tokenizer.ids(tokenizer.special)
