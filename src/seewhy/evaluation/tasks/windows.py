"""An image as one or several square inputs, and their maps put together again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from seewhy.base.axes import Pixels

Place = tuple[int, int]


@dataclass(frozen=True)
class Tiling:
    """Windows of `window` patches a side on a grid, each by its upper left patch."""

    places: tuple[Place, ...]
    grid: tuple[int, int]
    window: tuple[int, int]

    def joined(
        self, maps: Float[Tensor, "windows texts rows cols"]
    ) -> Float[Tensor, "texts height width"]:
        """One map per text over the whole grid; where windows overlap, their mean."""
        total = maps.new_zeros(maps.shape[1], *self.grid)
        times = maps.new_zeros(self.grid)
        for own, (row, col) in zip(maps, self.places, strict=True):
            rows, cols = self.window
            total[:, row : row + rows, col : col + cols] += own
            times[row : row + rows, col : col + cols] += 1
        return total / times


@dataclass(frozen=True)
class Tiles:
    """The inputs of one image and where each lies."""

    pixels: Pixels
    tiling: Tiling


def one_tile(
    image: Image.Image, preprocess: Callable[[Image.Image], Tensor], *, patch: int
) -> Tiles:
    """The whole image, squashed into one input."""
    pixels = preprocess(image)[None]
    grid = (pixels.shape[2] // patch, pixels.shape[3] // patch)
    return Tiles(pixels, Tiling(((0, 0),), grid, grid))


def sliding_tiles(
    image: Image.Image,
    preprocess: Callable[[Image.Image], Tensor],
    *,
    side: int,
    patch: int,
) -> Tiles:
    """Squares of `side` pixels along an image whose shorter side was brought to that length.

    Neighbours overlap by half or more. The longer side becomes a whole number of patches, so that
    windows lie on one grid of them. `preprocess` is for images of that side.
    """
    width, height = (_whole(length, min(image.size), side, patch) for length in image.size)
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    places = [
        (top, left) for top in _starts(height, side, patch) for left in _starts(width, side, patch)
    ]
    pixels = [
        preprocess(resized.crop((left, top, left + side, top + side))) for top, left in places
    ]
    tiling = Tiling(
        tuple((top // patch, left // patch) for top, left in places),
        (height // patch, width // patch),
        (side // patch, side // patch),
    )
    return Tiles(torch.stack(pixels), tiling)


def _whole(length: int, shorter: int, side: int, patch: int) -> int:
    return max(round(length * side / shorter / patch) * patch, side)


def _starts(length: int, side: int, patch: int) -> Sequence[int]:
    count = ceil((length - side) / (side / 2)) + 1
    steps = np.linspace(0, (length - side) // patch, count).round().astype(int)
    return [int(step) * patch for step in dict.fromkeys(steps.tolist())]
