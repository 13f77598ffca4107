"""Stored results of the published code on small models of random weights, and those models."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.openclip_zoo import build
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.vocabulary import WordTokenizer

FOLDER = Path(__file__).parents[2] / "golden" / "clip_surgery"
TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}
TEXT = {"context_length": 8, "vocab_size": 20, "width": 16, "heads": 1, "layers": 1}


@cache
def arrays(name):
    with np.load(FOLDER / f"{name}.npz") as stored:
        return dict(stored)


def tensor(name, key):
    return torch.from_numpy(arrays(name)[key]).float()


def patches(tokens):
    """The rows after token 0 of stored tokens, as a square grid."""
    side = round((tokens.shape[1] - 1) ** 0.5)
    return tokens[:, 1:].unflatten(1, (side, side))


def golden_encoder(name):
    """A stock open_clip model that holds the stored weights of the image tower."""
    config = json.loads(str(arrays(name)["config"]))
    width = config["vwidth"] if name == "vit" else config["vwidth"] * 32
    module = build(
        {
            "embed_dim": config["embed"],
            "quick_gelu": True,
            "vision_cfg": {
                "image_size": config["res"],
                "layers": config["vlayers"],
                "width": config["vwidth"],
                "patch_size": config["patch"],
                "head_width": width // config["vheads"],
            },
            "text_cfg": TEXT,
        }
    )
    weights = {
        key.removeprefix("sd/visual."): torch.from_numpy(array).float()
        for key, array in arrays(name).items()
        if key.startswith("sd/visual.")
    }
    lacking = module.visual.load_state_dict(weights, strict=False)
    assert not lacking.unexpected_keys
    assert all("num_batches" in key for key in lacking.missing_keys)
    return OpenClipEncoder(
        module.eval(),
        preprocess=Preprocessing(config["res"]),
        tokenizer=WordTokenizer(("a", "b", "c", "d"), 8),
        name=f"golden-{name}",
    )


def small_vit(**vision):
    """An untrained ViT of 4 blocks for images of 32 x 32, in open_clip's class."""
    usual = {"image_size": 32, "layers": 4, "width": 32, "patch_size": 8, "head_width": 16}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build({"embed_dim": 16, "vision_cfg": usual | vision, "text_cfg": TEXT})
    return OpenClipEncoder(
        module.eval(),
        preprocess=Preprocessing(32),
        tokenizer=WordTokenizer(("a", "b", "c", "d"), 8),
        name="small-vit",
    )


def picture(width=50, height=40, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)
