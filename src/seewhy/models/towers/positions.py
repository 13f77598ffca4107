"""Position embeddings of image towers for grids other than their own."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Pixels
from seewhy.models.towers import patch_grid
from seewhy.models.towers.parts import Tower


def positions_at(tower: Tower, pixels: Pixels) -> Float[Tensor, "tokens dim"]:
    """The position embedding for the grid of these pixels."""
    held = tower.positions
    return resized_positions(held.table, held.grid, patch_grid(tower, pixels))


def resized_positions(
    table: Float[Tensor, "native dim"], native: tuple[int, int], grid: tuple[int, int]
) -> Float[Tensor, "tokens dim"]:
    """The position embedding for another grid; rows of prefix tokens stay.

    Bilinear, corners not aligned, no antialiasing, as published; open_clip itself resizes by
    antialiased bicubic when it loads weights. The native grid gives the very same tensor.
    """
    if grid == native:
        return table
    prefix, patches = table.tensor_split([len(table) - native[0] * native[1]])
    maps = patches.float().reshape(*native, -1).permute(2, 0, 1)[None]
    maps = functional.interpolate(maps, size=grid, mode="bilinear", align_corners=False)
    return torch.cat([prefix, maps[0].flatten(1).T.to(table.dtype)])
