"""How much of the similarity is left when views keep what a map shows and lose the rest."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.evaluation.pairs.explained import (
    Embed,
    ExplainedPairs,
    PairFigures,
    Places,
    embedded,
    similarities,
)
from seewhy.methods.pairs.method import Protocol, min_max

PerPair = Float[Tensor, " batch"]


@dataclass(frozen=True, eq=False)
class MaskedSimilarity:
    """Cosines of the whole views, and of views multiplied by their maps scaled from 0 to 1.

    NaN where such a map is the same everywhere: it shows nothing.
    """

    whole: Float[Tensor, " batch"]
    masked: PairFigures

    def drop(self, protocol: Protocol = "mended") -> PairFigures:
        """The share of the similarity that is lost, 0 to 1; lower is better.

        A pair that is not similar to begin with (cosine 0 or less) has none, NaN; below zero
        counts as nothing left. "published" divides by whatever the similarity is and can exceed 1.
        """
        return self._each(lambda masked: _drop(self.whole, masked, protocol))

    def increase(self) -> PairFigures:
        """1 where the masked views are more alike than the whole ones, else 0."""
        return self._each(lambda masked: _increase(self.whole, masked))

    def _each(self, figure: Callable[[PerPair], PerPair]) -> PairFigures:
        masked = self.masked
        return PairFigures(figure(masked.first), figure(masked.second), figure(masked.both))


def masked_similarity(
    embed: Embed, pairs: ExplainedPairs, *, batch: int | None = None
) -> MaskedSimilarity:
    """Similarities of pairs, whole and masked; four passes for each pair.

    Where a map has not looked (NaN) nothing is kept.
    Source: Sammani et al., Visualizing and Understanding Contrastive Learning, IEEE TIP 2023.
    """
    found = []
    for pixels, maps in pairs.views:
        shares = _shares(maps)
        whole = embedded(embed, len(pixels), images=_picked(pixels), batch=batch)
        kept = embedded(embed, len(pixels), images=_picked(pixels, shares), batch=batch)
        is_flat = shares.flatten(1).amax(dim=1) == 0
        found.append((whole, torch.where(is_flat[:, None].to(kept.device), torch.nan, kept)))
    (first, first_kept), (second, second_kept) = found
    return MaskedSimilarity(
        similarities(first, second),
        PairFigures(
            similarities(first_kept, second),
            similarities(first, second_kept),
            similarities(first_kept, second_kept),
        ),
    )


def _picked(
    pixels: Pixels, shares: Float[Tensor, "batch height width"] | None = None
) -> Callable[[Places], Pixels]:
    if shares is None:
        return lambda places: pixels[places]
    return lambda places: pixels[places] * shares[places, None]


def _shares(maps: Float[Tensor, "batch height width"]) -> Float[Tensor, "batch height width"]:
    """From 0 to 1 over what the map has looked at, and 0 elsewhere."""
    blind = maps.isnan()
    low = torch.where(blind, torch.inf, maps).amin(dim=(1, 2), keepdim=True)
    seen = torch.where(blind, low, maps)
    return min_max(torch.where(seen.isinf(), 0.0, seen))


def _drop(whole: PerPair, masked: PerPair, protocol: Protocol) -> PerPair:
    if protocol == "published":
        return (whole - masked).clamp(min=0) / whole
    lost = (whole - masked.clamp(min=0)).clamp(min=0) / whole
    return torch.where(whole > 0, lost, torch.nan)


def _increase(whole: PerPair, masked: PerPair) -> PerPair:
    return torch.where(masked.isnan(), torch.nan, (masked > whole).float())
