"""Maps of patches drawn over the pixels of the model's input or of the image itself."""

import torch
from jaxtyping import Bool, Float
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
    down, across = _readings((maps.shape[-2], maps.shape[-1]), placement)
    return down.to(maps) @ maps @ across.to(maps).T


def cells_under(
    region: Bool[Tensor, "height width"], grid: tuple[int, int], placement: Placement
) -> Float[Tensor, "rows cols"]:
    """How much of each cell of a grid a region of the image reads; sums to 1.

    The mean over the region of any map brought over the image is the sum of that map with these
    weights. All zeros where the model was shown nothing of the region.
    """
    down, across = (each.nan_to_num() for each in _readings(grid, placement))
    weights = down.T @ region.to(down) @ across
    return (weights / weights.sum().clamp(min=torch.finfo(weights.dtype).tiny)).float()


def _readings(grid: tuple[int, int], placement: Placement) -> tuple[Tensor, Tensor]:
    """What each row, and what each column of pixels reads of those of a grid."""
    down, across = (
        _reading(
            grid[axis],
            pixels=placement.image[axis],
            resized=placement.resized[axis],
            start=placement.corner[axis],
            length=placement.window[axis],
        )
        for axis in (0, 1)
    )
    return down, across


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
