"""Networks whose units are detectors by construction, and drawn scenes that they look at."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import nn

from seewhy.data.banks import concept_bank
from seewhy.data.scenes import COLOURS, draw_scene, random_scene
from seewhy.models.classifiers import Classifier
from seewhy.models.load import load_model
from seewhy.passes.bank_embeddings import embed_bank

WORDS = ("red", "green", "blue", "yellow", "purple", "white")
BANK = (
    *(f"a {colour} object" for colour in WORDS),
    *("a circle", "a square", "a triangle", "a star", "a cross", "a ring"),
    *("a striped object", "a dotted object", "a checkered object"),
)
NOISE, SILENT = len(WORDS), len(WORDS) + 1


@cache
def encoder():
    return load_model("embedded:clip-resnet")


@cache
def bank():
    return embed_bank(encoder(), concept_bank(BANK, origin="the tests"), template="{}")


@cache
def scenes(count=120):
    """Single objects on black or grey, so that a colour is that of an object."""
    generator = np.random.default_rng(0)
    behind = {"background_texture": "plain", "mark": "none"}
    return tuple(
        draw_scene(
            replace(
                random_scene(generator, tint=0.0),
                background_colour=("black", "grey")[number % 2],
                **behind,
            )
        ).image
        for number in range(count)
    )


class ColourDetectors(nn.Module):
    """A map for each colour, highest where a pixel has it, one of noise and one of zeros."""

    def __init__(self):
        super().__init__()
        wanted = torch.tensor([COLOURS[name] for name in WORDS]) / 255
        self.register_buffer("wanted", wanted)
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("weights", torch.randn(3, 64, 64, generator=generator))
        self.site = nn.Identity()

    def forward(self, pixels):
        far = (pixels[:, None] - self.wanted[None, :, :, None, None]).abs().amax(2)
        maps = (1 - far / 0.25).relu()
        noise = torch.sin(1e4 * (pixels * self.weights).sum((1, 2, 3)))
        flat = torch.stack([noise, torch.zeros_like(noise)], 1)[:, :, None, None]
        return self.site(torch.cat([maps, flat.expand(-1, -1, *maps.shape[2:])], 1)).amax((2, 3))


def pixels_of(image):
    return torch.tensor(np.asarray(image)).permute(2, 0, 1) / 255


def colour_detectors():
    return Classifier(ColourDetectors(), preprocess=pixels_of)


def text_readout():
    """Units that are the encoder's own similarities with each text of the bank."""
    rows = bank().raw
    readout = nn.Linear(rows.shape[1], len(rows), bias=False)
    readout.weight.data.copy_(rows)
    module = nn.Sequential(encoder().module.visual, Unit(), readout)
    return Classifier(module, preprocess=encoder().preprocess)


class Unit(nn.Module):
    def forward(self, rows):
        return nn.functional.normalize(rows, dim=1)
