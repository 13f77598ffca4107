"""Weights of a language model alone, such as DistilGPT-2, for a narrator to begin with."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import read_weights
from seewhy.models.narration.narrator import Narrator

_CONFIG, _WEIGHTS = "config.json", ("model.safetensors", "pytorch_model.bin")
_PREFIX = "transformer."
_MASKS = (".attn.bias", ".attn.masked_bias", ".crossattention.bias")
_TABLE = "wte.weight"


class _Stored(BaseModel):
    model_config = ConfigDict(extra="ignore")

    n_embd: int
    n_layer: int
    n_head: int
    n_positions: int


@dataclass(frozen=True)
class DecoderSizes:
    """Those of GPT-2, by the names of a narrator's configuration."""

    width: int
    blocks: int
    heads: int
    positions: int


def gpt2_sizes(folder: Path) -> DecoderSizes:
    """The sizes that the configuration of a GPT-2 folder tells; `UsageError` for another folder."""
    try:
        found = _Stored.model_validate(json.loads((folder / _CONFIG).read_bytes()))
    except (OSError, ValueError, ValidationError) as error:
        raise UsageError(
            f"{folder} holds no GPT-2: its {_CONFIG} cannot be used ({type(error).__name__}). "
            f"Wanted is a folder of transformers with {_CONFIG}, weights and tokenizer files."
        ) from error
    return DecoderSizes(found.n_embd, found.n_layer, found.n_head, found.n_positions)


def fill_from_gpt2(narrator: Narrator, folder: Path) -> None:
    """Copy a GPT-2's weights into the decoder; nothing in the folder is executed.

    Special tokens and the attention to images, which GPT-2 does not have, stay as they are.
    Raises `UsageError` where anything else is missing or of another size.
    """
    path = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        raise UsageError(f"{folder} holds no weights. Wanted is one of {', '.join(_WEIGHTS)}.")
    given = {
        name.removeprefix(_PREFIX): tensor
        for name, tensor in read_weights(path).items()
        if not name.endswith(_MASKS) and not name.startswith("lm_head.")
    }
    held: dict[str, Tensor] = narrator.decoder.transformer.state_dict()
    needed = {name for name in held if "crossattention" not in name and "ln_cross" not in name}
    wrong = [name for name in sorted(needed ^ given.keys()) if name not in held]
    wrong += sorted(needed - given.keys())
    wrong += [name for name in sorted(given.keys() & held.keys()) if not _fits(name, given, held)]
    if wrong:
        raise UsageError(
            f"{path} is no GPT-2 of these sizes: {', '.join(wrong[:5])} of {len(wrong)} tensors "
            "do not fit."
        )
    with torch.no_grad():
        for name, tensor in given.items():
            held[name][: len(tensor)].copy_(tensor)


def _fits(name: str, given: dict[str, Tensor], held: dict[str, Tensor]) -> bool:
    """A table of words may be shorter, as the special tokens come behind."""
    if name.endswith(_TABLE):
        return given[name].shape[1:] == held[name].shape[1:] and len(given[name]) <= len(held[name])
    return given[name].shape == held[name].shape
