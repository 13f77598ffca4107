"""Grids of image tokens as regions: brought to the rows and columns that are wanted."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Maps
from seewhy.models.narration.towers import ImageTokens

PUBLISHED_GRID = (14, 14)


def as_maps(tokens: ImageTokens, grid: tuple[int, int]) -> Maps:
    """Tokens row by row as maps."""
    batch, _, channels = tokens.shape
    return tokens.transpose(1, 2).reshape(batch, channels, *grid)


def pooled_cells(
    maps: Maps, grid: tuple[int, int], *, has_mean: bool = False
) -> Float[Tensor, "batch cells channels"]:
    """Adaptive average pooling to rows and columns, row by row, then the mean of these cells.

    With 14 x 14 and the mean it is what Look and Modify reads of a ResNet-101 (197 regions).
    """
    cells = functional.adaptive_avg_pool2d(maps, grid).flatten(2).transpose(1, 2)
    if has_mean:
        cells = torch.cat([cells, cells.mean(dim=1, keepdim=True)], dim=1)
    return cells.contiguous()
