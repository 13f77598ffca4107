"""The formulas of matching as they are written: everything enlarged, two passes, no shortcuts."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Maps
from seewhy.methods.grafting.moments import SiteMaps

EPSILON = 1e-5


def standardised(maps: Maps) -> Maps:
    """(a - mean) / (std + eps) with moments over images and positions."""
    mean = maps.mean(dim=(0, 2, 3), keepdim=True)
    std = maps.std(dim=(0, 2, 3), correction=0, keepdim=True)
    return (maps - mean) / (std + EPSILON)


def enlarged(maps: SiteMaps, size: tuple[int, int]) -> SiteMaps:
    return functional.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def direct_table(
    source_maps: Sequence[SiteMaps], target_maps: Sequence[SiteMaps]
) -> Float[Tensor, "sources targets"]:
    """Z[i, j]: mean over images and positions of the product at the larger size of each axis."""
    return torch.cat(
        [
            torch.cat([direct_block(source, target) for target in target_maps], dim=1)
            for source in source_maps
        ]
    )


def direct_block(source: SiteMaps, target: SiteMaps) -> Float[Tensor, "sources targets"]:
    rows, cols = map(max, source.shape[2:], target.shape[2:])
    left, right = (enlarged(standardised(maps), (rows, cols)) for maps in (source, target))
    return torch.einsum("nihw,njhw->ij", left, right) / (len(source) * rows * cols)


def direct_graft(
    source_maps: Sequence[SiteMaps], target: SiteMaps, *, best: Sequence[int], mode: str
) -> SiteMaps:
    """resize(z of the best source unit) * std + mean of the target unit, one unit at a time."""
    units = [
        standardised(maps)[:, channel] for maps in source_maps for channel in range(maps.shape[1])
    ]
    grafted = []
    for unit, index in enumerate(best):
        own = target[:, unit]
        resized = functional.interpolate(
            units[index][:, None], size=target.shape[2:], mode=mode, align_corners=False
        )
        grafted.append(resized * own.std(correction=0) + own.mean())
    return torch.cat(grafted, dim=1)
