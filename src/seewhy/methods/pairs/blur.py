"""Gaussian blurs on any device: that of the published code, and one that effaces objects."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

SIDE = 11
DEVIATION = 5.0
_SIDE_BY_DEVIATION = 8


def blurred(
    images: Float[Tensor, "batch channels height width"],
    *,
    side: int = SIDE,
    deviation: float = DEVIATION,
) -> Float[Tensor, "batch channels height width"]:
    """Gaussian weights in a window of an odd `side` in pixels; the border is mirrored.

    In inputs that are too small for the window it is as large as they allow.
    """
    for axis in (2, 3):
        reach = min(side // 2, images.shape[axis] - 1)
        at = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
        weights = torch.exp(-0.5 * (at / deviation) ** 2)
        shape = (1, 1, -1, 1) if axis == 2 else (1, 1, 1, -1)
        border = (0, 0, reach, reach) if axis == 2 else (reach, reach, 0, 0)
        kernel = (weights / weights.sum()).view(shape).expand(images.shape[1], -1, -1, -1)
        padded = functional.pad(images, border, mode="reflect") if reach else images
        images = functional.conv2d(padded, kernel, groups=images.shape[1])
    return images


def effaced(
    images: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch channels height width"]:
    """So blurred that no object shows, at any size: the deviation is an eighth of the shorter side.

    The published blur, 11 pixels wide at whatever size, leaves an image of 128 pixels as
    recognisable as it was.
    """
    deviation = min(images.shape[2:]) / _SIDE_BY_DEVIATION
    return blurred(images, side=2 * round(3 * deviation) + 1, deviation=deviation)
