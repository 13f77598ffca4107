"""Maps of patches drawn over the pixels of the model's input or of the image itself."""

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.models.preprocessing import Placement

PatchMaps = Float[Tensor, "*any rows cols"]
PixelMaps = Float[Tensor, "*any height width"]


def over_input(maps: PatchMaps, size: tuple[int, int]) -> PixelMaps:
    """Maps over an input of (height, width), bilinear between the centres of patches."""
    return over_image(maps, Placement(image=size, resized=size, corner=(0, 0), window=size))


def over_image(maps: PatchMaps, placement: Placement) -> PixelMaps:
    """Maps over the image as it was before preprocessing; NaN where the model has not looked.

    Each pixel's centre is followed through resizing and cropping to the grid of patches, and the
    map is read there, bilinear between the centres of patches and constant beyond the outer
    ones. A whole image that was squashed gives what bilinear resizing without aligned corners
    and without antialiasing gives.
    """
    down, across = (
        _reading(
            maps.shape[axis - 2],
            pixels=placement.image[axis],
            resized=placement.resized[axis],
            start=placement.corner[axis],
            length=placement.window[axis],
        ).to(maps)
        for axis in (0, 1)
    )
    return down @ maps @ across.T


def _reading(
    cells: int, *, pixels: int, resized: int, start: int, length: int
) -> Float[Tensor, "pixels cells"]:
    """What each pixel of one axis reads of each cell; rows of NaN outside the input."""
    centres = (torch.arange(pixels, dtype=torch.float64) + 0.5) * (resized / pixels) - start
    is_outside = (centres < 0) | (centres > length)
    return bilinear(centres * (cells / length), cells).masked_fill(is_outside[:, None], torch.nan)


def bilinear(places: Float[Tensor, " pixels"], cells: int) -> Float[Tensor, "pixels cells"]:
    """What is read of each cell at places counted in cells; the centre of the first is at 0.5.

    Constant beyond the outer centres.
    """
    inner = (places - 0.5).clamp(0, cells - 1)
    return (1 - (inner[:, None] - torch.arange(cells)).abs()).clamp(min=0)
