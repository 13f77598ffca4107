"""Points on and beside what a text names, as prompts for a segmentation network: formulas."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.features import scaled

PatchMap = Float[Tensor, "rows cols"]


@dataclass(frozen=True)
class Pointing:
    """How points are chosen from a map.

    The map is made `shrink` times smaller and brought to 0..1; as many cells as reach
    `threshold`, at most half of all, count as on the thing, and as many of the lowest as beside
    it. The published code has 0.8 and 2.
    """

    threshold: float = 0.8
    shrink: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1 or self.shrink < 1:
            raise UsageError(
                f"points need a threshold above 0 and up to 1, and a shrink of at least 1; got "
                f"{self.threshold} and {self.shrink}."
            )


DEFAULT = Pointing()


@dataclass(frozen=True)
class Points:
    """Pixels (x, y) of an image, with label 1 on the thing and 0 beside it."""

    places: Int[Tensor, "points 2"]
    labels: UInt8[Tensor, " points"]


def map_points(values: PatchMap, size: tuple[int, int], *, pointing: Pointing = DEFAULT) -> Points:
    """The highest cells in ascending order, then as many of the lowest, in ascending order.

    `size` is the image's (height, width). Places are the centres of cells; equal cells go by
    their position. A constant map gives no points.
    """
    ranked = _ranked(values, pointing)
    cells = torch.cat([ranked.highest, ranked.lowest])
    return Points(_places(cells, ranked.grid, size), _labels(positive=ranked.count, first=1))


def joint_points(
    maps: Float[Tensor, "texts rows cols"],
    size: tuple[int, int],
    *,
    pointing: Pointing = DEFAULT,
    apart: bool = False,
) -> Points:
    """Points for several texts together: beside all of them first, then on each in turn.

    What lies beside them is read off the mean of the maps, each from 0 to 1. It may hold a point
    of one of the texts, as published; with `apart` such points are left out.
    """
    beside = _ranked(scaled(maps[None])[0].mean(dim=0), pointing)
    on = [_ranked(each, pointing) for each in maps]
    positive = torch.cat([each.highest for each in on])
    negative = beside.lowest
    if apart:
        negative = negative[~torch.isin(negative, positive)]
    labels = _labels(positive=len(positive), negative=len(negative), first=0)
    return Points(_places(torch.cat([negative, positive]), beside.grid, size), labels)


@dataclass(frozen=True)
class _Ranked:
    """As many of the lowest as of the highest cells, by index, both in ascending order."""

    lowest: Int[Tensor, " count"]
    highest: Int[Tensor, " count"]
    grid: tuple[int, int]

    @property
    def count(self) -> int:
        return len(self.lowest)


def _ranked(values: PatchMap, pointing: Pointing) -> _Ranked:
    rows, cols = (max(side // pointing.shrink, 1) for side in values.shape)
    small = functional.interpolate(
        values[None, None], (rows, cols), mode="bilinear", align_corners=False
    )
    cells = scaled(small).flatten()
    count = min(int((cells >= pointing.threshold).sum()), len(cells) // 2)
    order = cells.argsort(stable=True)
    return _Ranked(order[:count], order[len(order) - count :], (rows, cols))


def _places(
    cells: Int[Tensor, " points"], grid: tuple[int, int], size: tuple[int, int]
) -> Int[Tensor, "points 2"]:
    (rows, cols), (height, width) = grid, size
    # In single precision as published: in double, centres on a whole pixel fall one short.
    across = (cells % cols + 0.5).float() * torch.tensor(width / cols)
    down = (cells // cols + 0.5).float() * torch.tensor(height / rows)
    return torch.stack([across.clamp(max=width - 1), down.clamp(max=height - 1)], dim=1).long()


def _labels(*, positive: int, first: int, negative: int | None = None) -> UInt8[Tensor, " points"]:
    ones = torch.ones(positive, dtype=torch.uint8)
    zeros = torch.zeros(positive if negative is None else negative, dtype=torch.uint8)
    return torch.cat([ones, zeros] if first else [zeros, ones])
