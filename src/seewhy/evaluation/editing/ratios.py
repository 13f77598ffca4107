"""Shares of uses with their intervals, where a caption holds several uses or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from jaxtyping import Int

from seewhy.evaluation.weighted import Figures, Interval, Pairs, PerClass, Weights, intervals

_NORMAL = 1.959963984540054


@dataclass(frozen=True, eq=False)
class Ratios:
    """For each name its hits over the uses of its base, both counted over captions.

    Names differ from each other; a hit is one of the uses, so no share is above 1.
    """

    names: tuple[str, ...]
    hits: Pairs
    uses: Pairs
    base: Int[np.ndarray, " names"]

    def __call__(self, weights: Weights) -> Figures:
        """The shares; NaN where the base is never used."""
        hits, uses = self.counts(weights)
        found = np.full(len(self.names), np.nan)
        np.divide(hits, uses, out=found, where=uses > 0)
        return found

    def counts(self, weights: Weights) -> tuple[PerClass, PerClass]:
        """Hits and uses of each name."""
        hits, uses = (_counted(pairs, weights) for pairs in (self.hits, self.uses))
        return hits, uses[self.base]

    def by_class(self, _weights: Weights) -> Mapping[str, PerClass]:
        """None."""
        return {}

    def intervals(self, captions: int, *, resamples: int, seed: int) -> dict[str, Interval]:
        """95 % intervals over captions, never narrower than Wilson's for as many uses.

        The bootstrap alone would give no width to a word that is wrong in three uses of three.
        """
        if not self.names or not captions:
            return {}
        found = intervals(self, captions, resamples=resamples, seed=seed)
        counts = zip(*self.counts(np.ones(captions, dtype=np.int64)), strict=True)
        return {
            name: _wider(each, wilson(int(hits), int(uses)))
            for (name, each), (hits, uses) in zip(found.items(), counts, strict=True)
        }


def wilson(hits: int, uses: int) -> Interval:
    """The 95 % interval of a share of independent uses; NaN without a use.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    if not uses:
        return Interval(float("nan"), float("nan"), float("nan"))
    share, square = hits / uses, _NORMAL**2
    middle = share + square / (2 * uses)
    reach = _NORMAL * sqrt(share * (1 - share) / uses + square / (4 * uses**2))
    whole = 1 + square / uses
    return Interval(share, max((middle - reach) / whole, 0.0), min((middle + reach) / whole, 1.0))


def _counted(pairs: Pairs, weights: Weights) -> PerClass:
    counts = np.bincount(pairs.codes, weights=weights[pairs.owner], minlength=pairs.classes)
    # Of no pair at all the sums are whole numbers.
    return counts.astype(np.float64)


def _wider(first: Interval, second: Interval) -> Interval:
    if np.isnan(first.value):
        return first
    return Interval(first.value, min(first.low, second.low), max(first.high, second.high))
