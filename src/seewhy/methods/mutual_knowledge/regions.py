"""From grids of patches to pixels: nearest upsampling, boxes, and the pictures below."""

import torch
from jaxtyping import Bool, Int, Shaped
from torch import Tensor

PatchValues = Shaped[Tensor, "batch rows cols"]
PixelValues = Shaped[Tensor, "batch height width"]


def upsampled(grids: PatchValues, size: tuple[int, int]) -> PixelValues:
    """Each pixel takes the patch floor(pixel · patches / pixels), in whole numbers.

    `size` is (height, width), and need be no multiple of the grid.
    """
    down, across = (
        torch.arange(pixels, device=grids.device) * patches // pixels
        for pixels, patches in zip(size, grids.shape[1:], strict=True)
    )
    return grids[:, down[:, None], across]


def boxes(masks: Bool[Tensor, "batch height width"]) -> Int[Tensor, "batch 4"]:
    """(left, top, right, bottom) of each mask in pixels, all four inside; -1s for an empty one."""
    left, right = _ends(masks.any(dim=1))
    top, bottom = _ends(masks.any(dim=2))
    found = torch.stack([left, top, right, bottom], dim=1)
    return torch.where(masks.flatten(1).any(dim=1)[:, None], found, -1)


def _ends(
    lines: Bool[Tensor, "batch pixels"],
) -> tuple[Int[Tensor, " batch"], Int[Tensor, " batch"]]:
    whole = lines.int()
    return whole.argmax(dim=1), lines.shape[1] - 1 - whole.flip(1).argmax(dim=1)
