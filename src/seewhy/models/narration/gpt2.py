"""GPT-2's byte-pair tokenizer of transformers, from a folder, with the special tokens added."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.models.narration.tokens import END, SPECIAL, VCR_SPECIAL


class Gpt2Tokenizer:
    """Pieces of words as GPT-2 has them; special tokens that the folder lacks are appended."""

    def __init__(self, tokenizer: Any, special: tuple[str, ...] = SPECIAL) -> None:
        missing = [token for token in special if token not in tokenizer.get_vocab()]
        if missing:
            tokenizer.add_special_tokens({"additional_special_tokens": missing})
        self._tokenizer = tokenizer
        self._special = special

    @classmethod
    def from_folder(
        cls, folder: Path, *, special: tuple[str, ...] | None = SPECIAL
    ) -> "Gpt2Tokenizer":
        """The tokenizer of a folder with vocab.json and merges.txt; nothing is fetched.

        With None the special tokens are those that the folder has.

        Raises `UsageError` where the folder holds no such tokenizer.
        """
        from transformers import GPT2Tokenizer

        try:
            found = GPT2Tokenizer.from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError, TypeError) as error:
            raise UsageError(
                f"{shown(folder)} holds no tokenizer of GPT-2: {error}. Wanted is a folder with "
                "vocab.json and merges.txt."
            ) from error
        if special is None:
            known = found.get_vocab()
            special = tuple(token for token in VCR_SPECIAL if token in known)
        return cls(found, special)

    @property
    def special(self) -> tuple[str, ...]:
        """The special tokens, `END` left out."""
        return self._special

    def save(self, folder: Path) -> None:
        """Write the files that `from_folder` reads."""
        self._tokenizer.save_pretrained(str(folder))

    @property
    def size(self) -> int:
        """The pieces and the special tokens."""
        return len(self._tokenizer)

    def tokens(self, text: str) -> list[str]:
        """The pieces of a text."""
        return list(self._tokenizer.tokenize(text))

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """The id of each; a piece that GPT-2 does not have gets that of its end marker."""
        return list(self._tokenizer.convert_tokens_to_ids(list(tokens)))

    def text(self, ids: Sequence[int]) -> str:
        """The text, special tokens left out, without space around it."""
        left_out = set(self.ids((END, *self._special)))
        kept = [number for number in ids if number not in left_out]
        return str(self._tokenizer.decode(kept, clean_up_tokenization_spaces=False)).strip()
