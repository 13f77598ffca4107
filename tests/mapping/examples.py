"""A tiny encoder that takes any text, small pictures, and questions about them."""

import hashlib

import numpy as np
import torch
from PIL import Image

from seewhy.mapping.asking import asked_question
from seewhy.mapping.settings import MapSettings
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.tiny import SIDE, tiny_dual_encoder

TEXTS = ("red circle", "blue square")
HOSTILE = (
    "<script>alert(1)</script>", "{{7*7}}", "$x_{", "=cmd()", "\x1b[31mred", "nul\0", "漢字",
    "مرحبا\u202e", "../../up", "-o", "{0.__class__}", "con", "long " * 100,
)  # fmt: skip
CONTEXT = 12


class AnyText:
    """A tokenizer without unknown words: ids are digests, a letter is a token."""

    context_length = CONTEXT

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary

    def __call__(self, texts):
        rows = torch.zeros(len(texts), CONTEXT, dtype=torch.long)
        for row, text in zip(rows, texts, strict=True):
            digest = hashlib.sha256(text.encode()).digest()[: CONTEXT - 2]
            row[1:-1] = torch.tensor(list(digest)) % (self.vocabulary - 1)
            row[-1] = self.vocabulary - 1
        return rows

    def encode(self, text):
        return list(text)

    def decode(self, ids):
        return "".join(ids)


def any_text_encoder(tower="vit", seed=0):
    tiny = tiny_dual_encoder(tower, seed)
    vocabulary = tiny.module.vocab_size
    return OpenClipEncoder(
        tiny.module, preprocess=tiny.preprocessing, tokenizer=AnyText(vocabulary), name="tiny-any"
    )


def scene(seed=0, width=40, height=30):
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST)


def folder_of(place, count=3):
    place.mkdir()
    for number in range(count):
        scene(number).save(place / f"image {number}.png")
    return place


def question(encoder=None, texts=TEXTS, settings=None, **options):
    settings = settings or quick()
    return asked_question(
        encoder or tiny_dual_encoder("vit"), texts, settings, methods=settings.methods, **options
    )


def quick(**changes):
    """Settings without figures, which take the longest."""
    fields = {"methods": ("raw",), "figures": False, "size": SIDE, "templates": "none"}
    return MapSettings(**fields | changes)
