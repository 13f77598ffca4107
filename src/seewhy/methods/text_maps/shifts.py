"""Maps of patches at places between the patches: the mean over inputs that are shifted."""

from collections.abc import Callable
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Pixels
from seewhy.methods.text_maps.reading import TextMaps
from seewhy.models.placed_maps import PatchMaps, bilinear


def shifted_maps(
    make: Callable[[Pixels], TextMaps], pixels: Pixels, *, patch: tuple[int, int], shifts: int
) -> TextMaps:
    """The mean of the maps of inputs shifted by less than a patch, on a grid `shifts` times finer.

    The patches of an input lie where they happen to lie, and a thin object may fall between their
    centres. Shifted by multiples of patch / shifts, half a patch at most, they lie elsewhere; each
    map is read, bilinear, where the finer grid has its centres. The rim that a shift uncovers
    repeats the outer pixels. Cosines of whole images are those of the input as it is.
    A map is defined where it is for every shift.
    """
    steps = range(-(shifts // 2), shifts - shifts // 2)
    offsets = [[step * side // shifts for step in steps] for side in patch]
    found = [(offset, make(_moved(pixels, offset))) for offset in product(offsets[0], offsets[1])]
    size = (pixels.shape[2], pixels.shape[3])
    maps = torch.stack([_read_at(each.maps, offset, size, shifts) for offset, each in found])
    whole = dict(found)[0, 0].whole
    defined = [each.is_defined for _, each in found if each.is_defined is not None]
    is_defined = torch.stack(defined).all(dim=0) if defined else None
    return TextMaps(maps.mean(dim=0), whole, is_defined)


def _moved(pixels: Pixels, offset: tuple[int, int]) -> Pixels:
    """What lies in a window of the input's size that begins at (down, right)."""
    down, right = offset
    height, width = pixels.shape[2:]
    rim = (max(-right, 0), max(right, 0), max(-down, 0), max(down, 0))
    rimmed = functional.pad(pixels, rim, mode="replicate")
    down, right = max(down, 0), max(right, 0)
    return rimmed[:, :, down : down + height, right : right + width].contiguous()


def _read_at(
    maps: PatchMaps, offset: tuple[int, int], size: tuple[int, int], finer: int
) -> Float[Tensor, "*any _ _"]:
    down, across = (
        _reading(maps.shape[axis - 2], pixels=size[axis], offset=offset[axis], finer=finer).to(maps)
        for axis in (0, 1)
    )
    return down @ maps @ across.T


def _reading(cells: int, *, pixels: int, offset: int, finer: int) -> Tensor:
    """What each cell of the finer grid reads of each cell of a map that begins at `offset`."""
    centres = (torch.arange(cells * finer, dtype=torch.float64) + 0.5) / finer
    return bilinear(centres - offset * cells / pixels, cells)
