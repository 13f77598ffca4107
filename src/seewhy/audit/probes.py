"""Drawn images that know nothing of the user's task: every colour with every kind of object."""

from functools import partial

import numpy as np
from PIL import Image

from seewhy.data.records import ImageRecord
from seewhy.data.scenes import COLOURS, Scene, SceneObject, draw_scene, random_object


def probe_records(images: int, *, side: int, seed: int = 0) -> list[ImageRecord]:
    """One large plain shape or handwritten digit on black, kind and colour drawn independently.

    Plain on black, because busy backgrounds excite a classifier in ways that drown the question:
    docs/methods/audit.md has the measurement.
    """
    generator = np.random.default_rng([seed, 0x9120BE])
    return [
        ImageRecord(id=f"probe-{number:05d}", read=partial(_draw, _probe_scene(generator), side))
        for number in range(images)
    ]


def _probe_scene(generator: np.random.Generator) -> Scene:
    colour = str(generator.choice(list(COLOURS)))
    item = random_object(generator, colour=colour, split="held-out")
    x, y = generator.uniform(0.45, 0.55, size=2)
    large = SceneObject(
        kind=item.kind,
        colour=colour,
        texture="plain",
        size="large",
        position="center",
        centre=(float(x), float(y)),
        radius=float(generator.uniform(0.3, 0.5)),
        angle=item.angle,
        glyph=item.glyph,
    )
    return Scene((large,), "black", tint=0.1, seed=int(generator.integers(2**32)))


def _draw(scene: Scene, side: int) -> Image.Image:
    return draw_scene(scene, side).image
