"""Photographs that ship with other libraries, as files to read."""

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 256


def photographs() -> list[Image.Image]:
    from skimage import data
    from sklearn.datasets import load_sample_images

    found = [data.astronaut(), data.coffee(), data.chelsea(), data.rocket()]
    return [Image.fromarray(each) for each in (*load_sample_images().images, *found)]


def write_crops(folder: Path, images: int, *, seed: int) -> Path:
    """JPEG files of crops at seeded places of the photographs."""
    folder.mkdir()
    chance = np.random.default_rng(seed)
    originals = photographs()
    for number in range(images):
        original = originals[number % len(originals)]
        left, top = (int(chance.integers(0, side - SIDE)) for side in original.size)
        crop = original.crop((left, top, left + SIDE, top + SIDE))
        crop.save(folder / f"{number:04}.jpg", quality=95)
    return folder
