"""Scenes of two objects, a narrator that learnt them by heart, and an encoder of colours."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image
from tests.mapping.examples import any_text_encoder
from torch import nn
from torch.nn import functional

from seewhy.data.narration.records import NarrationRecord, Vote
from seewhy.data.scenes import COLOURS, Scene, SceneObject, draw_scene
from seewhy.methods.text_maps.method import TextMapMethod, View
from seewhy.methods.text_maps.reading import TextMaps
from seewhy.models.classifiers import Classifier
from seewhy.models.framing import Framing
from seewhy.models.narration.batches import training_batch
from seewhy.models.narration.config import narrator_config
from seewhy.models.narration.layouts import RowLayout
from seewhy.models.narration.narrator import build_narrator
from seewhy.models.narration.tokens import build_word_tokenizer
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.tiny import SIDE
from seewhy.passes.prompts import PromptEnsemble
from seewhy.telling.asking import TellingQuestion
from seewhy.telling.looking import Looker
from seewhy.telling.settings import TellingSettings

CELLS = 8
QUESTION = "what colour is the circle"
ANSWERS = {
    "red": "there is a red circle at the top left",
    "blue": "the circle is blue and there is no green square",
}
OTHER = "there is a yellow square at the top left"
PLAIN = Preprocessing(
    32, resize="squash", interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3
)


def scene(colour="red", *, beside="white"):
    """A circle at the top left and a square at the bottom right, on black."""
    kinds = (("circle", colour, (0.25, 0.25)), ("square", beside, (0.75, 0.75)))
    items = tuple(
        SceneObject(kind, ink, "plain", "medium", "", centre, 0.2) for kind, ink, centre in kinds
    )
    return Scene(items, "black")


def image(colour="red", side=64):
    return draw_scene(scene(colour), side).image


def record(answer, reason, question=QUESTION):
    return NarrationRecord(question, "vqaX", (), question, (Vote(answer),), (reason,))


WORDS = build_word_tokenizer(
    [
        QUESTION,
        "what is the main object in the image",
        *(f" the answer is {answer} because {reason}" for answer, reason in ANSWERS.items()),
        f" the answer is yellow because {OTHER}",
    ]
)


def untrained(**changes):
    settings = {
        "width": 32, "blocks": 1, "heads": 2, "positions": 48, "dropout": 0.0,
        "tower": {"kind": "convolutions", "channels": (8, 16)}, "grid_code": "sine",
        "layout": RowLayout(40, question="as stored", generated=16), "preprocessing": PLAIN,
    }  # fmt: skip
    return build_narrator(narrator_config(**settings | changes), WORDS, seed=1)


@cache
def narrator():
    """Answers with the colour of the circle, and with the reason that belongs to it."""
    found = untrained()
    pixels = torch.stack([found.preprocess(image(colour)) for colour in ANSWERS])
    rows = training_batch(
        [found.rows.training_row(record(*each), each[1]) for each in ANSWERS.items()], WORDS
    )
    optimiser = torch.optim.AdamW(found.parameters(), lr=5e-3)
    for _ in range(60):
        scores = found(rows, found.image_tokens(pixels))[:, :-1]
        loss = functional.cross_entropy(scores.flatten(0, 1), rows.labels[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return found.eval()


@dataclass(frozen=True)
class ColourMaps(TextMapMethod):
    """How much a cell has the colour that a text names, 1 for exactly; 0 without a colour.

    Circles are believed to lie at the top left, squares at the bottom right.
    """

    @property
    def name(self):
        return "colours"

    def maps(self, encoder, pixels, asked):
        own = encoder.preprocessing
        mean, std = (torch.tensor(each)[:, None, None] for each in (own.mean, own.std))
        cells = functional.adaptive_avg_pool2d(pixels * std + mean, CELLS)
        found = torch.stack([_likeness(cells, text) for text in asked.names], dim=1)
        return TextMaps(found, found.amax(dim=(2, 3)) / 2)


def _likeness(cells, text):
    ink = next((COLOURS[word] for word in text.split() if word in COLOURS), None)
    if ink is None:
        return cells.new_zeros(len(cells), CELLS, CELLS)
    distance = (cells - torch.tensor(ink)[:, None, None] / 255).abs().amax(dim=1)
    found = (-((distance / 0.2) ** 2)).exp()
    half = CELLS // 2
    found[:, :half, :half] += 0.3 * ("circle" in text)
    found[:, half:, half:] += 0.3 * ("square" in text)
    return found


def looker(bank=("green grass", "blue sky", "snow")):
    encoder = any_text_encoder()
    encoder.tokenizer.encode = str.split
    view = View(Framing("whole", SIDE), frame="grid")
    return Looker(encoder, ColourMaps(view=view), PromptEnsemble(encoder, ["{}"]), bank)


class _Red(nn.Module):
    """Scores of red, yellow and something else, by the most coloured pixel."""

    def forward(self, pixels):
        red, green, blue = ((each + 1) / 2 for each in pixels.unbind(dim=1))
        only_red = (red - torch.maximum(green, blue)).amax(dim=(1, 2))
        yellow = (torch.minimum(red, green) - blue).amax(dim=(1, 2))
        return 8 * torch.stack([only_red, yellow, torch.full_like(red[:, 0, 0], 0.3)], dim=1)


def classifier(classes=("red", "yellow", "blue")):
    return Classifier(_Red(), preprocess=PLAIN, classes=classes, name="reds")


def question(*, support=True, classifier=None, teller=None, **changes):
    settings = TellingSettings(questions=(QUESTION,), figures=False, support=support, **changes)
    found = looker() if support else None
    return TellingQuestion(teller or narrator(), "by heart", settings, found, classifier)


def folder_of(place):
    place.mkdir()
    for colour in ANSWERS:
        image(colour).save(place / f"{colour}.png")
    return place


def noise(seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    return Image.fromarray(pixels)
