"""What a score rests on: how far it falls when a region of the image is hidden."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool
from PIL import Image

from seewhy.telling.entries import Hiding

Mask = Bool[np.ndarray, "_ _"]
Scores = Callable[[Sequence[Image.Image]], Sequence[float]]
"""From images to logarithms of probabilities, which do not depend on each other."""


def hidden(image: Image.Image, mask: Mask) -> Image.Image:
    """The image with its median colour where the mask is; the mask may have any size."""
    pixels = np.asarray(image.convert("RGB")).copy()
    large = Image.fromarray(mask).resize(image.size, Image.Resampling.NEAREST)
    pixels[np.asarray(large)] = np.median(pixels.reshape(-1, 3), axis=0).astype(np.uint8)
    return Image.fromarray(pixels)


def elsewhere(mask: Mask) -> tuple[Mask, ...]:
    """The mask moved by half of the image: across, down and both; what leaves it comes back."""
    down, across = (side // 2 for side in mask.shape)
    return (
        np.roll(mask, across, axis=1),
        np.roll(mask, down, axis=0),
        np.roll(mask, (down, across), axis=(0, 1)),
    )


def falls(image: Image.Image, masks: Sequence[Mask], scores: Scores) -> list[Hiding]:
    """For each mask how far the score of the image falls, and how far at other places."""
    if not masks:
        return []
    shown = [image]
    for mask in masks:
        shown += [hidden(image, each) for each in (mask, *elsewhere(mask))]
    before, *found = (float(value) for value in scores(shown))
    after = np.array(found).reshape(len(masks), -1)
    return [
        Hiding(fall=before - float(own), elsewhere=before - float(np.mean(others)))
        for own, *others in after.tolist()
    ]
