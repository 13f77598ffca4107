"""Bilinear resizing as a matrix per axis, and its adjoint."""

from functools import lru_cache
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


@lru_cache(maxsize=256)
def _reduction(
    from_size: int, to_size: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "to from"]:
    """The adjoint of enlarging `to_size` values along an axis to `from_size`."""
    return resize_matrix(to_size, from_size, mode="bilinear").T.to(device, dtype).contiguous()


def adjoint_resize(
    maps: ChannelsLast, size: Size, *, out: Float[Tensor, "batch to_rows to_cols units"]
) -> Float[Tensor, "batch to_rows to_cols units"]:
    """The adjoint of bilinear resizing from `size` to the size of the maps, axis by axis."""
    _, rows, cols, units = maps.shape
    down, across = (
        _reduction(given, wanted, maps.dtype, maps.device)
        for given, wanted in zip((rows, cols), size, strict=True)
    )
    between = maps.new_empty(size[0], cols * units)
    # One image after the other stays in the processor's caches between the axes.
    for image, reduced in zip(maps, out, strict=True):
        rest = image
        if rows != size[0]:
            rest = torch.matmul(down, image.flatten(1), out=between).view(-1, cols, units)
        if cols != size[1]:
            torch.matmul(across, rest, out=reduced)
        else:
            reduced.copy_(rest)
    return out


@lru_cache(maxsize=256)
def adjoint_weights(size: Size, grid: Size) -> Float[Tensor, "rows cols"]:
    """How often each value counts in the sum over a map enlarged from `size` to `grid`."""
    down, across = (
        resize_matrix(small, large, mode="bilinear").sum(dim=0)
        for small, large in zip(size, grid, strict=True)
    )
    return torch.outer(down, across)
