"""The small trained dual encoders that ship with the package, in open_clip's own classes.

Each lives in a folder of its own: `open_clip_config.json` (open_clip's format, with the words
of the tokenizer), `model.safetensors` (half precision) and `card.md`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import write_weights
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.openclip_zoo import build, load_folder

EMBEDDED = ("clip-resnet", "clip-vit", "clip-objects")
WEIGHTS_FILE = "model.safetensors"
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def build_clip(model_config: Mapping[str, Any], *, seed: int = 0) -> nn.Module:
    """An untrained open_clip `CLIP` of a configuration (keys embed_dim, vision_cfg, text_cfg).

    The weights depend on `seed` alone; the global random state is left as found.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(model_config)


def embedded_folder(name: str) -> Path:
    """The folder of an embedded encoder inside the package."""
    if name not in EMBEDDED:
        raise UsageError(
            f"no embedded encoder {name!r}; there are {', '.join(EMBEDDED)}. Those whose names "
            "begin with ssl- know no texts: load them with `load_image_encoder`."
        )
    return Path(__file__).parent / name


def load_embedded(name: str) -> OpenClipEncoder:
    """An embedded encoder, called "embedded:NAME"."""
    return load_folder(embedded_folder(name), name=f"embedded:{name}")


def normalised_pixels(
    pixels: UInt8[np.ndarray, "images side side 3"],
) -> Float[Tensor, "images 3 side side"]:
    """8-bit images of the encoder's own size, as its preprocessing gives them."""
    scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(values)[None, :, None, None] for values in (MEAN, STD))
    return ((scaled - mean) / std).contiguous(memory_format=torch.channels_last)


def save_embedded(folder: Path, config: Mapping[str, Any], module: nn.Module) -> None:
    """Write an encoder folder's configuration and half-precision weights."""
    folder.mkdir(parents=True, exist_ok=True)
    halves = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous().clone()
        for name, tensor in module.state_dict().items()
    }
    write_weights(folder / WEIGHTS_FILE, halves, metadata={"format": "pt"})
    text = json.dumps(config, indent=1)
    (folder / "open_clip_config.json").write_text(text + "\n", encoding="utf-8")
