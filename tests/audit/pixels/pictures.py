"""Small pictures whose object, background and marks are known."""

import numpy as np
from PIL import Image

from seewhy.data.scenes import Scene, SceneObject, draw_scene

EMPTY = Image.new("RGB", (40, 32), (90, 120, 150))


def chance(seed=0):
    return np.random.default_rng(seed)


def on_ground(mask, *, colour=(220, 40, 30), ground=(30, 60, 200)):
    """An object of one colour on a plain ground."""
    pixels = np.where(mask[:, :, None], np.uint8(colour), np.uint8(ground)).astype(np.uint8)
    return Image.fromarray(pixels)


def disc(side=64, *, radius=14.0, centre=(30.0, 36.0), hole=0.0):
    rows, cols = np.mgrid[0:side, 0:side] + 0.5
    distance = np.hypot(rows - centre[0], cols - centre[1])
    return (distance < radius) & (distance >= hole)


def scene(side=64, **changes):
    """A drawn scene and the true mask of its object."""
    item = {
        "kind": "circle",
        "colour": "red",
        "texture": "plain",
        "size": "medium",
        "position": "center",
        "centre": (0.5, 0.55),
        "radius": 0.24,
    }
    item |= {name: changes.pop(name) for name in item if name in changes}
    ground = {"background_colour": "blue", "tint": 0.1, "seed": 3} | changes
    drawn = draw_scene(Scene(objects=(SceneObject(**item),), **ground), side)
    return drawn.image, drawn.masks[0]


def overlap(found, truth):
    """Intersection over union."""
    return (found & truth).sum() / max((found | truth).sum(), 1)
