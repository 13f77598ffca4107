"""Encoders by how they read texts."""

import torch

from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.openclip_zoo import build
from seewhy.models.preprocessing import Preprocessing


def piecewise_encoder():
    """A small CLIP with the byte-pair tokenizer of the published ones, which reads 14 tokens."""
    from open_clip.tokenizer import SimpleTokenizer

    vision = {"image_size": 32, "layers": 6, "width": 16, "patch_size": 8, "head_width": 8}
    text = {"context_length": 16, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build({"embed_dim": 8, "vision_cfg": vision, "text_cfg": text})
    return OpenClipEncoder(
        module.eval(),
        preprocess=Preprocessing(32),
        tokenizer=SimpleTokenizer(context_length=16),
        name="piecewise",
    )
