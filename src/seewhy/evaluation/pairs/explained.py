"""Pairs of views with their maps over the pixels, and figures of views changed one or both."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.evaluation.pairs.batches import MeasuredBatches, settled
from seewhy.methods.pairs.method import PairMaps, SecondPixels, check_views, cosines

Embed = Callable[[Pixels], Float[Tensor, "_ embed"]]
"""Images to embeddings of any length, such as `ImageEncoder.embed` inside `models.guard`."""

Places = Int[Tensor, " images"]


@dataclass(frozen=True, eq=False)
class ExplainedPairs:
    """Pairs of views, and for each view a value per pixel; NaN where a map has not looked."""

    first: Float[Tensor, "_ 3 _ _"]
    second: Float[Tensor, "_ 3 _ _"]
    first_map: Float[Tensor, "_ _ _"]
    second_map: Float[Tensor, "_ _ _"]

    def __post_init__(self) -> None:
        check_views(self.first, self.second)
        for pixels, maps in self.views:
            if maps.shape != (len(pixels), *pixels.shape[2:]):
                raise UsageError(
                    f"maps {tuple(maps.shape)} for views {tuple(pixels.shape)}; wanted a value per "
                    "pixel. `explained_pairs` resizes the maps of a method."
                )
            if maps.isinf().any():
                raise UsageError("a map has infinite values; give finite ones, or NaN where blind.")

    @property
    def views(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Pixels and map of the first views, then of the second ones."""
        return (self.first, self.first_map), (self.second, self.second_map)


def explained_pairs(first: Pixels, second: SecondPixels, maps: PairMaps) -> ExplainedPairs:
    """The maps of a method brought to the pixels, bilinear."""
    check_views(first, second)
    sizes = [(int(each.shape[2]), int(each.shape[3])) for each in (first, second)]
    shown = maps.at_pixels(*sizes)
    return ExplainedPairs(
        first, second, shown.first.to(first.device), shown.second.to(second.device)
    )


@dataclass(frozen=True, eq=False)
class PairFigures:
    """A figure of each pair when the first view alone is changed, the second alone, or both.

    The first two are the conditional figures, the last is the simultaneous one.
    """

    first: Float[Tensor, " batch"]
    second: Float[Tensor, " batch"]
    both: Float[Tensor, " batch"]

    @property
    def conditional(self) -> Float[Tensor, " batch"]:
        """The mean of the two; NaN where one is not defined."""
        return (self.first + self.second) / 2


def embedded(
    embed: Embed, count: int, *, images: Callable[[Places], Pixels], batch: int | None = None
) -> Float[Tensor, "count embed"]:
    """Embeddings of `count` images, without a graph; `images` makes those of some places.

    Never are more than `batch` images held; None measures which of a few sizes is the fastest,
    which changes no number but by rounding.
    """
    if batch is not None and batch < 1:
        raise UsageError(f"a batch of {batch} images; wanted at least 1, or None to measure.")
    found: list[Tensor] = []
    done, batches = 0, None if batch is None else MeasuredBatches({batch: []})
    with torch.no_grad():
        while done < count:
            started = time.perf_counter()
            size = 1 if batches is None else batches.size
            places = torch.arange(done, min(done + size, count))
            found.append(embed(images(places).contiguous(memory_format=torch.channels_last)))
            done += len(places)
            if batches is None:
                batches = MeasuredBatches.on(found[0].device)
            else:
                batches.note(len(places), settled(found[-1]) - started)
    return torch.cat(found)


def similarities(
    first: Float[Tensor, "*batch embed"], second: Float[Tensor, "*batch embed"]
) -> Float[Tensor, "*batch"]:
    """Cosines in float32 on the CPU."""
    return cosines(first.float(), second.float()).cpu()
