"""Batches of drawn pictures, claims in words, and which claim is true of which picture."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from seewhy.data.claims import (
    ANY,
    DIGIT,
    Claim,
    claim_about,
    phrase,
    truth_table,
)
from seewhy.data.digits import CHANNELS, digit_indices, draw_digit, load_digit_glyphs
from seewhy.data.scenes import DIGITS, Scene, SceneObject, draw_scene, random_scene
from seewhy.models.embedded import normalised_pixels
from seewhy.training.recipes import SIDE, EncoderRecipe, Stage

_FIELDS = {
    "value": "kind",
    "shape": "kind",
    "background colour": "background_colour",
    "background texture": "background_texture",
}


@dataclass(frozen=True)
class ClaimBatch:
    """Images, texts and which text is true of which image."""

    pixels: Float[Tensor, "images 3 height width"]
    texts: tuple[str, ...]
    is_true: Bool[Tensor, "images texts"]


def claim_batch(recipe: EncoderRecipe, stage: Stage, generator: np.random.Generator) -> ClaimBatch:
    """One batch: every single-attribute claim, and true claims of several attributes."""
    pictures = [_training_picture(recipe, stage, generator) for _ in range(stage.batch_size)]
    scenes = [scene for scene, _ in pictures]
    chosen = generator.integers(len(scenes), size=recipe.compound_claims)
    claims = list(recipe.claims) + [
        _compound_claim(scenes[index], recipe, generator) for index in chosen
    ]
    return ClaimBatch(
        pixels=normalised_pixels(np.stack([pixels for _, pixels in pictures])),
        texts=tuple(phrase(claim, generator) for claim in claims),
        is_true=torch.from_numpy(truth_table(scenes, claims)),
    )


def _training_picture(
    recipe: EncoderRecipe, stage: Stage, generator: np.random.Generator
) -> tuple[Scene, np.ndarray]:
    """A scene and its picture; of pictures larger than usual, half are enlarged ones."""
    side = stage.side
    drawn = side if side == SIDE or generator.random() < 0.5 else SIDE
    draw = generator.random()
    if draw < recipe.plain_digits / 2:
        scene, pixels = _literal_digit(generator, drawn)
    else:
        is_digit = draw < recipe.plain_digits
        scene = _large_digit(generator) if is_digit else _scene(stage, draw, generator)
        pixels = draw_scene(scene, drawn).pixels
    return scene, pixels if drawn == side else _enlarged(pixels, side)


def _scene(stage: Stage, draw: float, generator: np.random.Generator) -> Scene:
    is_crowded = draw > 1 - stage.crowded
    return random_scene(generator, objects=int(generator.integers(2, 4)) if is_crowded else 1)


def _literal_digit(generator: np.random.Generator, side: int) -> tuple[Scene, np.ndarray]:
    """A digit exactly as the coloured-digit experiment shows it."""
    index = int(generator.choice(digit_indices("train")))
    colour = str(generator.choice(list(CHANNELS)))
    value = str(load_digit_glyphs()[1][index])
    scene = _digit_scene(value, index, colour, generator)
    return scene, np.asarray(draw_digit(index, colour, side))


def _enlarged(pixels: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC))


def _large_digit(generator: np.random.Generator) -> Scene:
    """A digit that fills a black image, shifted, scaled and turned a little."""
    index = int(generator.choice(digit_indices("train")))
    colour = str(generator.choice(list(CHANNELS)))
    return _digit_scene(str(load_digit_glyphs()[1][index]), index, colour, generator)


def _digit_scene(value: str, index: int, colour: str, generator: np.random.Generator) -> Scene:
    item = SceneObject(
        kind=value,
        colour=colour,
        texture="plain",
        size="large",
        position="center",
        centre=tuple(generator.uniform(0.45, 0.55, size=2).tolist()),
        radius=float(generator.uniform(0.38, 0.54)),
        angle=float(generator.uniform(-0.3, 0.3)),
        glyph=index,
    )
    return Scene((item,), "black", tint=0.15, seed=int(generator.integers(2**32)))


def _compound_claim(scene: Scene, recipe: EncoderRecipe, generator: np.random.Generator) -> Claim:
    named = _named(recipe)
    names = generator.choice(named, size=int(generator.integers(1, 4)), replace=False)
    of = int(generator.integers(len(scene.objects)))
    claim = claim_about(scene, [str(name) for name in names], of=of)
    if claim.kind == ANY and scene.objects[of].kind in DIGITS and generator.random() < 0.5:
        return replace(claim, kind=DIGIT)
    return claim


def _named(recipe: EncoderRecipe) -> list[str]:
    """The fields that compound claims draw from; the count is told by claims of its own."""
    return list(
        dict.fromkeys(_FIELDS.get(group, group) for group in recipe.groups if group != "count")
    )
