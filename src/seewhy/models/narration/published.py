"""Published checkpoints as narrators, and published language models as a start.

A checkpoint is a folder of transformers, such as `nle_model_11`, beside that of its tokenizer.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.models.checkpoints import fit_weights, misfits, read_weights
from seewhy.models.narration.config import narrator_config
from seewhy.models.narration.gpt2 import Gpt2Tokenizer
from seewhy.models.narration.layouts import row_layout
from seewhy.models.narration.narrator import Narrator, build_narrator
from seewhy.models.narration.tokens import EXPLANATION, OBJECTS, QUESTION
from seewhy.models.preprocessing import Preprocessing

PUBLISHED_TOWER = "open_clip:ViT-B-16/openai"
CONFIG_FILE = "config.json"
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_TIED = "lm_head.weight"
_WORDS = "transformer.wte.weight"
_BOXES = "transformer.box_embed."
# Masks that old versions of transformers stored beside the weights.
_BUFFERS = (".attn.bias", ".masked_bias", ".crossattention.bias")


def load_published(
    folder: Path,
    *,
    tower: str | None = PUBLISHED_TOWER,
    layout: str | None = None,
    tokenizer: Path | None = None,
) -> Narrator:
    """The narrator of a published checkpoint, in evaluation mode, with its published settings.

    `tower` names the image encoder; None loads the decoder alone, to be given image tokens. The
    tokenizer's folder is looked for beside the checkpoint. `layout` is a published one; by default
    it is told from the weights and the special tokens, where "vqax" stands for all tasks with a
    question.
    """
    settings = _settings(folder)
    weights = language_weights(folder)
    pieces = Gpt2Tokenizer.from_folder(tokenizer or _tokenizer_folder(folder), special=None)
    boxes = {
        name.removeprefix(_BOXES): weights.pop(name)
        for name in list(weights)
        if name.startswith(_BOXES)
    }
    name = layout or _layout(pieces, has_boxes=bool(boxes))
    config = narrator_config(
        width=settings["n_embd"],
        blocks=settings["n_layer"],
        heads=settings["n_head"],
        positions=len(weights["transformer.wpe.weight"]),
        dropout=settings.get("resid_pdrop", 0.1),
        tower=_tower(tower, width=settings["n_embd"]),
        layout=row_layout(name),
        cut="published",
        published_noobject=name == "vcr",
        # The statistics of ImageNet, although CLIP has its own: as it was trained.
        preprocessing=Preprocessing(224, resize="squash", interpolation="bilinear"),
    )
    if pieces.size != len(weights[_WORDS]):
        raise UsageError(
            f"{shown(folder)} has {len(weights[_WORDS])} words and its tokenizer {pieces.size}. "
            "Name the folder of the tokenizer that it was trained with."
        )
    narrator = build_narrator(config, pieces)
    fit_weights(narrator.decoder, weights, source=shown(folder))
    if narrator.box_embedding is not None:
        fit_weights(narrator.box_embedding, boxes, source=f"{shown(folder)} (boxes)")
    return narrator.eval()


def start_from_language(narrator: Narrator, folder: Path) -> None:
    """Fill the decoder from a plain language model, such as DistilGPT-2, of the same sizes.

    Words beyond its vocabulary and the cross-attention keep the weights that they have.
    """
    weights = language_weights(folder)
    held = narrator.decoder.state_dict()
    known, words = weights[_WORDS], held[_WORDS].clone()
    if known.shape[1] == words.shape[1] and len(known) <= len(words):
        words[: len(known)] = known
        weights |= {_WORDS: words, _TIED: words}
    positions = weights["transformer.wpe.weight"]
    weights["transformer.wpe.weight"] = positions[: narrator.config.positions]
    own = {
        name: held[name] for name in misfits(narrator.decoder, weights).missing if "cross" in name
    }
    fit_weights(narrator.decoder, {**weights, **own}, source=shown(folder))


def language_weights(folder: Path) -> dict[str, Tensor]:
    """The tensors of a GPT-2 of transformers under the names of GPT2LMHeadModel."""
    paths = [folder / name for name in _WEIGHTS if (folder / name).is_file()]
    if not paths:
        raise UsageError(f"{shown(folder)} holds neither {_WEIGHTS[0]} nor {_WEIGHTS[1]}.")
    found = {
        name if name.startswith(("transformer.", "lm_head.")) else f"transformer.{name}": tensor
        for name, tensor in read_weights(paths[0]).items()
        if not name.endswith(_BUFFERS)
    }
    missing = {_WORDS, "transformer.wpe.weight"} - found.keys()
    if missing:
        raise UsageError(f"{shown(paths[0])} is no GPT-2: it has no {', '.join(sorted(missing))}.")
    floats = {name: each.to(torch.float32) for name, each in found.items()}
    return {**floats, _TIED: floats[_WORDS]}


def _settings(folder: Path) -> dict[str, Any]:
    try:
        settings = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{shown(folder)} has no readable {CONFIG_FILE}: {error}.") from error
    wanted = ("n_embd", "n_layer", "n_head")
    if not isinstance(settings, dict) or not all(isinstance(settings.get(k), int) for k in wanted):
        raise UsageError(
            f"{shown(folder / CONFIG_FILE)} is not that of a GPT-2: {', '.join(wanted)} are needed."
        )
    return settings


def _tower(name: str | None, *, width: int) -> dict[str, object]:
    if name is None:
        return {"kind": "features", "width": width}
    return {"kind": "encoder", "name": name}


def _tokenizer_folder(folder: Path) -> Path:
    beside = sorted(folder.parent.glob("*tokenizer*"))
    found = [each for each in (folder, *beside) if (each / "vocab.json").is_file()]
    if not found:
        raise UsageError(
            f"no tokenizer (vocab.json) in {shown(folder)} or in a folder *tokenizer* beside it. "
            "Name its folder."
        )
    return found[0]


def _layout(tokenizer: Gpt2Tokenizer, *, has_boxes: bool) -> str:
    special = tokenizer.special
    if has_boxes or OBJECTS in special:
        return "vcr"
    if EXPLANATION not in special:
        return "concepts"
    return "vqax" if QUESTION in special else "act"
