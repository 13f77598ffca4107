"""What an editor sees of an image: a vector for each of its regions, and where they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.errors import UsageError

Regions = Float[Tensor, "regions channels"]
Boxes = Float[Tensor, "boxes 4"]

PLACE_NUMBERS = 6


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """Vectors of at least one region, in any order, or of a grid's cells row by row.

    `boxes` are left, top, right and bottom as fractions of the image's sides, 0 to 1, right and
    bottom at least left and top; None where nobody knows them. `grid` is rows and columns where
    the regions are cells; one more region behind them stands for the whole image. Raises
    `UsageError` for regions that fit neither, or that are not finite.
    """

    regions: Regions
    boxes: Boxes | None = None
    grid: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        count = len(self.regions)
        if not self.regions.numel() or not bool(self.regions.isfinite().all()):
            raise UsageError(
                f"features of an image have shape {tuple(self.regions.shape)} or numbers that are "
                "not finite. Wanted is a vector of finite numbers for each of one or more regions."
            )
        if self.grid is not None and count - self.grid[0] * self.grid[1] not in (0, 1):
            raise UsageError(
                f"{count} regions are no grid of {self.grid[0]} rows and {self.grid[1]} columns, "
                "with or without one of the whole image. Give the right grid, or None."
            )
        if self.boxes is not None and not _are_boxes(self.boxes, count):
            raise UsageError(
                f"boxes of {count} regions have shape {tuple(self.boxes.shape)} or lie outside "
                "their image. Wanted are left, top, right and bottom of each as fractions of the "
                "image's sides, 0 to 1."
            )


class PaddedRegions(NamedTuple):
    """Regions of several images, zeros behind the true ones of each, of which `counts` tells."""

    regions: Float[Tensor, "batch regions channels"]
    counts: Int[Tensor, " batch"]


def padded(features: Sequence[ImageFeatures]) -> PaddedRegions:
    """The regions of images side by side; `UsageError` unless all have as many channels."""
    widths = sorted({each.regions.shape[1] for each in features})
    if len(widths) != 1:
        raise UsageError(
            f"regions of {len(features)} images have {widths or 'no'} channels; wanted is one "
            "image or more, and as many channels in all. Take the features from one source."
        )
    regions = [each.regions for each in features]
    counts = torch.tensor([len(each) for each in regions], device=regions[0].device)
    return PaddedRegions(torch.nn.utils.rnn.pad_sequence(regions, batch_first=True), counts)


def with_places(features: ImageFeatures) -> ImageFeatures:
    """Six numbers more for each region: left, top, right, bottom, width and height as fractions.

    Raises `UsageError` where the boxes are not known.
    """
    if features.boxes is None:
        raise UsageError(
            "places of regions were asked for, but their boxes are not known. Take features with "
            "boxes, or a source without places."
        )
    boxes = features.boxes.to(features.regions)
    numbers = torch.cat([boxes, boxes[:, 2:] - boxes[:, :2]], dim=1)
    return replace(features, regions=torch.cat([features.regions, numbers], dim=1))


def grid_boxes(rows: int, cols: int, *, has_whole: bool = False) -> Boxes:
    """The boxes of a grid's cells row by row, and of the whole image behind them."""
    tops, lefts = torch.arange(rows) / rows, torch.arange(cols) / cols
    top, left = torch.meshgrid(tops, lefts, indexing="ij")
    cells = torch.stack([left, top, left + 1 / cols, top + 1 / rows], dim=-1).flatten(0, 1)
    # Sums of fractions may end a rounding error beyond the image.
    cells = cells.clamp(max=1.0)
    return torch.cat([cells, cells.new_tensor([[0.0, 0.0, 1.0, 1.0]])]) if has_whole else cells


def _are_boxes(boxes: Boxes, count: int) -> bool:
    is_inside = bool(((boxes >= 0) & (boxes <= 1)).all())
    return len(boxes) == count and is_inside and bool((boxes[:, 2:] >= boxes[:, :2]).all())
