"""A text encoder of transformers, from a folder: a vector per piece of a word, or per sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.models.guard import device_of
from seewhy.models.load import checked_device

_LONGEST = 512
_MESSAGE_LETTERS = 300


@dataclass(frozen=True, eq=False)
class TextFolder:
    """A tokenizer with start, separator and padding tokens, and the module that reads its ids."""

    name: str
    tokenizer: Any
    module: nn.Module

    @property
    def config(self) -> Any:
        """What transformers knows of the module."""
        return self.module.config

    @property
    def width(self) -> int:
        """The length of a vector."""
        return int(self.config.hidden_size)

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return int(self.config.num_hidden_layers)

    @property
    def special(self) -> tuple[str, str, str]:
        """The tokens of the start, between two texts, and of padding."""
        tokenizer = self.tokenizer
        return tokenizer.cls_token, tokenizer.sep_token, tokenizer.pad_token

    def pieces(self, text: str) -> list[str]:
        """The pieces of a text, without special tokens."""
        return list(self.tokenizer.tokenize(text))

    def ids(self, tokens: Sequence[str]) -> list[int]:
        """The id of each token."""
        return list(self.tokenizer.convert_tokens_to_ids(list(tokens)))

    def states(
        self,
        ids: Int[Tensor, "texts tokens"],
        mask: Int[Tensor, "texts tokens"],
        *,
        block: int | None = None,
    ) -> Float[Tensor, "texts tokens dim"]:
        """What a block gives, numbered from 1, or the last one; with gradients where wanted."""
        device = device_of(self.module)
        found = self.module(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            output_hidden_states=block is not None,
        )
        states: Tensor = found.last_hidden_state if block is None else found.hidden_states[block]
        return states

    @torch.no_grad()
    def sentences(
        self, texts: Sequence[str], *, batch_size: int = 64
    ) -> Float[Tensor, "texts dim"]:
        """The mean over the tokens of each text, the special ones too, of unit length."""
        found = []
        for first in range(0, len(texts), batch_size):
            ids, mask = self.padded(texts[first : first + batch_size])
            states = self.states(ids, mask)
            counts = mask.to(states)[:, :, None]
            means = (states * counts).sum(dim=1) / counts.sum(dim=1)
            found.append(functional.normalize(means.float(), dim=1).cpu())
        return torch.cat(found) if found else torch.zeros(0, self.width)

    def padded(
        self, texts: Sequence[str]
    ) -> tuple[Int[Tensor, "texts tokens"], Int[Tensor, "texts tokens"]]:
        """Ids with special tokens, cut to what the module can hold, and 1 where is no padding."""
        longest = int(getattr(self.config, "max_position_embeddings", _LONGEST))
        found = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            # Some kinds keep two positions to themselves.
            max_length=max(3, min(self.tokenizer.model_max_length, longest - 2)),
            return_tensors="pt",
        )
        return found["input_ids"], found["attention_mask"]


def load_text_folder(folder: str | Path, *, device: str = "cpu") -> TextFolder:
    """The encoder of a folder as `save_pretrained` writes it; nothing is fetched, no code is run.

    Raises `UsageError` where the folder lacks config, safetensors weights or tokenizer.
    """
    from transformers import AutoModel, AutoTokenizer

    path = Path(folder)
    if not path.is_dir():
        raise _refused(path, "it is no folder.")
    at = checked_device(device)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path), local_files_only=True)
        # Weights of other formats than safetensors could hold code.
        module = AutoModel.from_pretrained(str(path), local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0]
        raise _refused(path, told[:_MESSAGE_LETTERS]) from error
    encoder = TextFolder(path.resolve().name, tokenizer, module.to(at).eval())
    if None in encoder.special:
        raise _refused(path, "its tokenizer lacks a token for start, separator or padding.")
    return encoder


def _refused(path: Path, reason: str) -> UsageError:
    return UsageError(
        f"{shown(path)} holds no text encoder that can be read: {reason} Wanted is a folder such "
        "as that of distilbert-base-uncased, with config.json, model.safetensors, tokenizer.json "
        "or vocab.txt, and tokenizer_config.json."
    )
