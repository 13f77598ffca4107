"""Drawn images that know nothing of the user's task: every colour with every kind of object."""

from functools import partial

import numpy as np
from PIL import Image

from seewhy.data.records import ImageRecord
from seewhy.data.scenes import COLOURS, Scene, draw_scene, random_object, random_scene


def probe_records(images: int, *, side: int, seed: int = 0) -> list[ImageRecord]:
    """Single objects, half of them plain on black and half on any background."""
    generator = np.random.default_rng([seed, 0x9120BE])
    scenes = [_probe_scene(generator, is_plain=number % 2 == 0) for number in range(images)]
    return [
        ImageRecord(id=f"probe-{number:05d}", read=partial(_draw, scene, side))
        for number, scene in enumerate(scenes)
    ]


def _probe_scene(generator: np.random.Generator, *, is_plain: bool) -> Scene:
    if not is_plain:
        return random_scene(generator, split="held-out")
    colour = str(generator.choice(list(COLOURS)))
    item = random_object(generator, colour=colour, split="held-out")
    return Scene((item,), "black", tint=0.1, seed=int(generator.integers(2**32)))


def _draw(scene: Scene, side: int) -> Image.Image:
    return draw_scene(scene, side).image
