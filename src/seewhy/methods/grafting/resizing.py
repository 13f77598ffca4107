"""Bilinear resizing as a matrix per axis, and its adjoint."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.methods.grafting.moments import ChannelsLast

Size = tuple[int, int]


def resize_matrix(
    from_size: int, to_size: int, *, mode: Literal["bilinear", "bicubic"]
) -> Float[Tensor, "to from"]:
    """What `interpolate(align_corners=False)` does along one axis; each row sums to one."""
    basis = torch.eye(from_size, dtype=torch.float64)[None, :, :, None]
    columns = functional.interpolate(basis, size=(to_size, 1), mode=mode, align_corners=False)
    return columns[0, :, :, 0].T


def adjoint_resize(maps: ChannelsLast, size: Size) -> Float[Tensor, "batch to_rows to_cols units"]:
    """The adjoint of bilinear resizing from `size` to the size of the maps, axis by axis."""
    batch, rows, cols, units = maps.shape
    if rows != size[0]:
        down = resize_matrix(size[0], rows, mode="bilinear").T.to(maps)
        maps = (down @ maps.reshape(batch, rows, cols * units)).reshape(batch, -1, cols, units)
    if cols != size[1]:
        down = resize_matrix(size[1], cols, mode="bilinear").T.to(maps)
        maps = down @ maps
    return maps
