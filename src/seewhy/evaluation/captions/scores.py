"""All scores of a set of texts, with intervals, and what a change of the texts did to them."""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from seewhy.base.errors import UsageError
from seewhy.evaluation.captions.bleu import BleuCounts, bleu_counts
from seewhy.evaluation.captions.cider import Frequencies, cider
from seewhy.evaluation.captions.items import Items
from seewhy.evaluation.captions.meteor import MeteorCounts, meteor
from seewhy.evaluation.captions.rouge import rouge_l
from seewhy.evaluation.weighted import (
    Figures,
    Interval,
    Joined,
    PerClass,
    RowMeans,
    Weights,
    intervals,
)

PerItem = Float[np.ndarray, " _"]
RESAMPLES = 1000
_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class CaptionScores:
    """Scores of the texts, all 0 to 1 but CIDEr, which is 0 to 10."""

    items: Items
    bleu: BleuCounts
    meteor: MeteorCounts
    means: RowMeans

    @cached_property
    def statistic(self) -> Joined:
        """All of them for any weights of the texts."""
        return Joined((self.bleu, self.meteor, self.means))

    @cached_property
    def values(self) -> dict[str, float]:
        """Each score of the whole, by name; NaN where there is no text."""
        if not len(self.items):
            return dict.fromkeys(self.statistic.names, float("nan"))
        found = self.statistic(np.ones(len(self.items), dtype=np.int64))
        return dict(zip(self.statistic.names, map(float, found), strict=True))

    @cached_property
    def each(self) -> dict[str, PerItem]:
        """Each score of each text by itself, CIDEr with the frequencies of the whole."""
        orders = dict(zip(self.bleu.names, self.bleu.each.T, strict=True))
        return orders | {self.meteor.names[0]: self.meteor.each} | dict(self.means.values)

    def only(self, kept: Collection[Hashable]) -> "CaptionScores":
        """Scores of the texts with these ids; CIDEr's frequencies are those of their references."""
        items = self.items.only(kept)
        rows = np.array([name in kept for name in self.items.ids], dtype=bool)
        values = {"ROUGE-L": self.each["ROUGE-L"][rows], "CIDEr": cider(items)}
        means = RowMeans(np.arange(len(items)), values)
        return CaptionScores(items, self.bleu.only(rows), self.meteor.only(rows), means)

    def intervals(self, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Interval]:
        """Each score with its interval over texts.

        BLEU and METEOR are computed anew from the counts of the texts drawn; ROUGE-L and CIDEr
        are means over them, CIDEr with the document frequencies of all texts, not of those drawn.
        """
        if not len(self.items):
            return {name: Interval(value, value, value) for name, value in self.values.items()}
        return intervals(self.statistic, len(self.items), resamples=resamples, seed=seed)


def score_captions(items: Items, *, known: Frequencies | None = None) -> CaptionScores:
    """Score texts; `known` are document frequencies for CIDEr other than those at hand."""
    values = {"ROUGE-L": rouge_l(items), "CIDEr": cider(items, known=known)}
    return CaptionScores(
        items, bleu_counts(items), meteor(items), RowMeans(np.arange(len(items)), values)
    )


@dataclass(frozen=True, eq=False)
class Change:
    """How much higher each score is after than before, on the same texts drawn."""

    before: Joined
    after: Joined

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the scores."""
        return self.after.names

    def __call__(self, weights: Weights) -> Figures:
        """Differences; positive is better after."""
        gains: Figures = self.after(weights) - self.before(weights)
        return gains

    def by_class(self, _weights: Weights) -> Mapping[str, PerClass]:
        """None."""
        return {}


@dataclass(frozen=True, eq=False)
class CaptionChange:
    """What editing did: `shares` are "changed", "improved", "worsened" and "kept when right"."""

    differences: dict[str, Interval]
    shares: dict[str, Interval]


def caption_change(
    before: CaptionScores, after: CaptionScores, *, resamples: int = RESAMPLES, seed: int = 0
) -> CaptionChange:
    """Compare scores of the same items before and after an edit.

    Improved and worsened go by the CIDEr of each text; "kept when right" is the share left as it
    was among texts that were word for word a reference, NaN where there was none.
    Raises `UsageError` when ids, their order or references differ.
    """
    if (before.items.ids, before.items.references) != (after.items.ids, after.items.references):
        raise UsageError(
            f"{len(before.items)} texts before and {len(after.items)} after are not the same "
            "items with the same references. Score both on the ids that they share."
        )
    drawn = {"resamples": resamples, "seed": seed}
    change = Change(before.statistic, after.statistic)
    shares = RowMeans(np.arange(len(after.items)), _fates(before, after))
    return CaptionChange(
        intervals(change, len(after.items), **drawn), intervals(shares, len(after.items), **drawn)
    )


def _fates(before: CaptionScores, after: CaptionScores) -> dict[str, PerItem]:
    pairs = zip(before.items.candidates, after.items.candidates, strict=True)
    changed = np.array([old != new for old, new in pairs])
    right = np.array(
        [
            text in references
            for text, references in zip(
                before.items.candidates, before.items.references, strict=True
            )
        ]
    )
    gain = after.each["CIDEr"] - before.each["CIDEr"]
    return {
        "changed": changed.astype(np.float64),
        "improved": (gain > _SAME).astype(np.float64),
        "worsened": (gain < -_SAME).astype(np.float64),
        "kept when right": np.where(right, ~changed, np.nan),
    }
