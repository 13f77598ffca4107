"""Zero-shot accuracy of dual encoders on held-out digits and drawn scenes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from seewhy.data.claims import attribute_claims, canonical_phrase
from seewhy.data.digits import CHANNELS, digit_indices, draw_digit, load_digit_glyphs
from seewhy.data.scenes import SHAPES, Scene, draw_scene, random_scene

EncodeImages = Callable[[UInt8[np.ndarray, "images side side 3"]], Float[Tensor, "images embed"]]
EncodeTexts = Callable[[Sequence[str]], Float[Tensor, "texts embed"]]


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures with, per attribute group, the position of the true value or -1."""

    pixels: UInt8[np.ndarray, "images side side 3"]
    truth: Mapping[str, Int[np.ndarray, " images"]]


def held_out_scenes(images: int, *, side: int, seed: int = 1) -> LabelledPictures:
    """Scenes of one object whose handwriting no recipe has trained on.

    Their count is always one, so the group "count" is left out.
    """
    generator = np.random.default_rng([seed, 0xEA1])
    scenes = [random_scene(generator, split="held-out") for _ in range(images)]
    pixels = np.stack([draw_scene(scene, side).pixels for scene in scenes])
    groups = attribute_claims()
    return LabelledPictures(
        pixels,
        {
            group: np.array([_position(group, list(values), scene) for scene in scenes])
            for group, values in groups.items()
            if group != "count"
        },
    )


def held_out_digits(*, side: int, seed: int = 1) -> LabelledPictures:
    """Every held-out digit, filling the image in a random colour on black."""
    generator = np.random.default_rng([seed, 0xD161])
    indices = digit_indices("held-out")
    colours = list(attribute_claims()["colour"])
    drawn = [str(generator.choice(list(CHANNELS))) for _ in indices]
    pixels = [
        np.asarray(draw_digit(index, colour, side))
        for index, colour in zip(indices, drawn, strict=True)
    ]
    values = load_digit_glyphs()[1][list(indices)]
    return LabelledPictures(
        np.stack(pixels),
        {"value": values, "colour": np.array([colours.index(colour) for colour in drawn])},
    )


def zero_shot_accuracy(
    pictures: LabelledPictures, encode_images: EncodeImages, encode_texts: EncodeTexts
) -> dict[str, float]:
    """Share of pictures whose most similar caption, within each group, is the true one."""
    images = encode_images(pictures.pixels)
    scores = {}
    for group, truth in pictures.truth.items():
        captions = [canonical_phrase(claim) for claim in attribute_claims()[group].values()]
        guessed = (images @ encode_texts(captions).T).argmax(dim=1).numpy()
        known = truth >= 0
        if known.any():
            scores[group] = float((guessed == truth)[known].mean())
    return scores


def _position(group: str, values: Sequence[str], scene: Scene) -> int:
    item = scene.objects[0]
    value = {
        "value": item.kind,
        "shape": item.kind,
        "colour": item.colour,
        "texture": item.texture if item.kind in SHAPES else "",
        "size": item.size,
        "position": item.position,
        "background colour": scene.background_colour,
        "background texture": scene.background_texture,
        "mark": scene.mark,
    }[group]
    return values.index(value) if value in values else -1
