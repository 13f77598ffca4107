"""A compact word tokenizer for text towers that know few words, and say so."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from seewhy.base.errors import UsageError

_WORD = re.compile(r"[^\W\d_]+|\d")


@dataclass(frozen=True)
class WordTokenizer:
    """Whole words and single decimal digits to ids; punctuation and case are dropped.

    Id 0 pads, id 1 starts a text, and the largest id ends it, which is where open_clip's text
    tower reads the embedding (the arg-max of the ids).
    """

    words: tuple[str, ...]
    context_length: int

    @property
    def vocab_size(self) -> int:
        """Number of ids: the words, padding, start and end."""
        return len(self.words) + 3

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """The words of a text that have no id, in order, each once."""
        known = set(self.words)
        return tuple(dict.fromkeys(word for word in self.split(text) if word not in known))

    @staticmethod
    def split(text: str) -> list[str]:
        """The words of a text: runs of letters, and each digit by itself."""
        return _WORD.findall(text.lower())

    def decode(self, ids: Sequence[int]) -> str:
        """The words of ids, each with a space behind it, as CLIP's own tokenizer writes them."""
        return "".join(f"{self.words[number - 2]} " for number in ids)

    def __call__(self, texts: str | Sequence[str]) -> Int[Tensor, "texts context"]:
        """Ids of texts; raises `UsageError` naming every unknown word or too long a text."""
        texts = [texts] if isinstance(texts, str) else list(texts)
        unknown = dict.fromkeys(word for text in texts for word in self.unknown_words(text))
        if unknown:
            raise UsageError(
                f"unknown words: {', '.join(map(repr, unknown))}. This text tower knows "
                f"{len(self.words)} words: {' '.join(self.words)}. Rephrase the captions or "
                "name an encoder with a full vocabulary, such as open_clip:RN50/openai."
            )
        index = {word: position + 2 for position, word in enumerate(self.words)}
        ids = torch.zeros(len(texts), self.context_length, dtype=torch.long)
        for row, text in enumerate(texts):
            tokens = [1, *(index[word] for word in self.split(text)), self.vocab_size - 1]
            if len(tokens) > self.context_length:
                raise UsageError(
                    f"text {text!r} has {len(tokens) - 2} words; at most "
                    f"{self.context_length - 2} fit. Shorten it."
                )
            ids[row, : len(tokens)] = torch.tensor(tokens)
        return ids
