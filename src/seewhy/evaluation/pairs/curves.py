"""Similarity while the pixels that a map ranks highest are put in, or taken out."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.evaluation.pairs.explained import (
    Embed,
    ExplainedPairs,
    PairFigures,
    Places,
    embedded,
    similarities,
)
from seewhy.methods.pairs.blur import blurred, effaced
from seewhy.methods.pairs.method import Protocol

Change = Literal["insertion", "deletion"]
Ranks = Int[Tensor, "batch height width"]
Curve = Float[Tensor, "batch steps"]


@dataclass(frozen=True)
class Steps:
    """How many pixels change at a time, and how many changed images are embedded at once.

    `batch` None measures which is the fastest.
    `pixels` None takes as many as the image is wide, so that there are as many steps as rows.
    """

    pixels: int | None = None
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.pixels is not None and self.pixels < 1:
            raise UsageError(f"steps of {self.pixels} pixels; wanted at least 1.")


@dataclass(frozen=True, eq=False)
class PairCurves:
    """Cosines from nothing changed to all, when one view changes or both at once.

    Both change by their own maps; a view with fewer steps than the other stays as it ends.
    """

    first: Float[Tensor, "batch steps"]
    second: Float[Tensor, "batch steps2"]
    both: Float[Tensor, "batch steps3"]

    @property
    def areas(self) -> PairFigures:
        """The normalised area under each curve."""
        return PairFigures(area(self.first), area(self.second), area(self.both))


def change_curves(
    embed: Embed,
    pairs: ExplainedPairs,
    *,
    change: Change,
    steps: Steps = Steps(),
    protocol: Protocol = "mended",
) -> PairCurves:
    """All three curves out of one embedding for each view and step.

    "deletion" goes from the view to zeros in the model's input space: lower is better. "insertion"
    goes from the blurred view to the view: higher is better; `protocol` "published" blurs it by 11
    pixels, which is nothing in a large view, the default by an eighth of its side. Two views of
    zeros are as alike as can be, so deletion in both ends at 1 and does not compare with the
    conditional one. Source: Sammani et al., Visualizing and Understanding Contrastive Learning,
    IEEE TIP 2023; the curves in one go and the default blur are ours.
    """
    changed = partial(changed_embeddings, embed, change=change, steps=steps, protocol=protocol)
    (first_pixels, first_map), (second_pixels, second_map) = pairs.views
    if first_pixels.shape == second_pixels.shape:
        # Together, so that the fastest batch is looked for once.
        together = torch.cat([first_pixels, second_pixels]), torch.cat([first_map, second_map])
        first, second = changed(*together).chunk(2)
    else:
        first, second = changed(first_pixels, first_map), changed(second_pixels, second_map)
    whole = 0 if change == "deletion" else -1
    length = max(first.shape[1], second.shape[1])
    longer = torch.arange(length)
    both = [each[:, longer.clamp(max=each.shape[1] - 1)] for each in (first, second)]
    return PairCurves(
        _against(first, second[:, whole]),
        _against(second, first[:, whole]),
        similarities(both[0], both[1]),
    )


def conditional_curve(
    embed: Embed,
    pairs: ExplainedPairs,
    *,
    change: Change,
    steps: Steps = Steps(),
    protocol: Protocol = "mended",
) -> Curve:
    """The curve of the first views alone, in half of the passes."""
    changed = changed_embeddings(
        embed, pairs.first, pairs.first_map, change=change, steps=steps, protocol=protocol
    )
    count = len(pairs.second)
    others = embedded(embed, count, images=lambda at: pairs.second[at], batch=steps.batch)
    return _against(changed, others)


def changed_embeddings(
    embed: Embed,
    pixels: Pixels,
    maps: Float[Tensor, "batch height width"],
    *,
    change: Change,
    steps: Steps = Steps(),
    protocol: Protocol = "mended",
) -> Float[Tensor, "batch steps embed"]:
    """Embeddings of views in which the highest 0, 1, ... steps of pixels have changed."""
    ranks = pixel_ranks(maps)
    start, end = _start_and_end(pixels, change, protocol)
    step = steps.pixels or int(pixels.shape[3])
    count = -(-ranks[0].numel() // step) + 1

    def images(places: Places) -> Pixels:
        pair, changed = places // count, places % count * step
        is_changed = ranks[pair] < changed.to(ranks.device)[:, None, None]
        return torch.where(is_changed[:, None], end[pair], start[pair])

    found = embedded(embed, len(pixels) * count, images=images, batch=steps.batch)
    return found.view(len(pixels), count, -1)


def pixel_ranks(maps: Float[Tensor, "batch height width"]) -> Ranks:
    """The place of each pixel from the highest down, 0 first; of equal ones, in reading order.

    Pixels that a map has not looked at (NaN) come last.
    """
    flat = maps.flatten(1).nan_to_num(nan=-torch.inf)
    order = flat.argsort(dim=1, descending=True, stable=True)
    return order.argsort(dim=1).view(maps.shape)


def area(curve: Curve) -> Float[Tensor, " batch"]:
    """The mean height by trapezoids; the area of a mean curve is the mean of the areas."""
    return torch.trapezoid(curve, dim=1) / (curve.shape[1] - 1)


def _against(
    changed: Float[Tensor, "batch steps embed"], other: Float[Tensor, "batch embed"]
) -> Curve:
    return similarities(changed, other[:, None].expand_as(changed))


def _start_and_end(pixels: Pixels, change: Change, protocol: Protocol) -> tuple[Pixels, Pixels]:
    if change == "deletion":
        return pixels, torch.zeros_like(pixels)
    return (blurred(pixels) if protocol == "published" else effaced(pixels)), pixels
