"""BLEU-1 to BLEU-4 of a set of texts, as the COCO caption toolkit computes them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int

from seewhy.evaluation.captions.items import Items, Words
from seewhy.evaluation.weighted import Figures, PerClass, Weights

ORDERS = 4
_TINY, _SMALL = 1e-15, 1e-9


@dataclass(frozen=True, eq=False)
class BleuCounts:
    """All that BLEU needs of each text, so that any resample of the texts has its exact score.

    `matched` and `possible` count n-grams of length 1 to 4, matches clipped to the most that one
    reference holds; `closest` is the length of the reference nearest in length.
    """

    matched: Int[np.ndarray, "items orders"]
    possible: Int[np.ndarray, "items orders"]
    lengths: Int[np.ndarray, " items"]
    closest: Int[np.ndarray, " items"]

    @property
    def names(self) -> tuple[str, ...]:
        """BLEU-1 to BLEU-4."""
        return tuple(f"BLEU-{order}" for order in range(1, ORDERS + 1))

    def __call__(self, weights: Weights) -> Figures:
        """The scores of the whole, 0 to 1: counts are summed first, so no mean over texts."""
        counts = (self.matched, self.possible, self.lengths, self.closest)
        sums = [(weights @ each)[None] for each in counts]
        scores: Figures = bleu_scores(*sums)[0]
        return scores

    def by_class(self, _weights: Weights) -> Mapping[str, PerClass]:
        """None."""
        return {}

    def only(self, rows: Bool[np.ndarray, " items"]) -> "BleuCounts":
        """The counts of some of the texts."""
        return BleuCounts(
            self.matched[rows], self.possible[rows], self.lengths[rows], self.closest[rows]
        )

    @property
    def each(self) -> Float[np.ndarray, "items orders"]:
        """The scores of each text by itself."""
        return bleu_scores(self.matched, self.possible, self.lengths, self.closest)


def bleu_scores(
    matched: Int[np.ndarray, "items orders"],
    possible: Int[np.ndarray, "items orders"],
    lengths: Int[np.ndarray, " items"],
    closest: Int[np.ndarray, " items"],
) -> Float[np.ndarray, "items orders"]:
    """Geometric means of the precisions up to each order, times the penalty for brevity.

    The toolkit's two small constants, in place of a smoothing, are kept: a text without any
    4-gram in common gets nearly, not exactly, 0.
    """
    precisions = (matched + _TINY) / (possible + _SMALL)
    orders = np.arange(1, matched.shape[1] + 1)
    means = np.cumprod(precisions, axis=1) ** (1 / orders)
    ratio = (lengths + _TINY) / (closest + _SMALL)
    penalty = np.exp(1 - 1 / np.minimum(ratio, 1))
    return means * penalty[:, None]


def bleu_counts(items: Items) -> BleuCounts:
    """Count the n-grams of each text and those that its references confirm."""
    pairs = list(zip(items.candidates, items.references, strict=True))
    lengths = np.array([len(candidate) for candidate, _ in pairs], dtype=np.int64)
    return BleuCounts(
        matched=np.array([_matched(*pair) for pair in pairs], dtype=np.int64).reshape(-1, ORDERS),
        possible=np.maximum(lengths[:, None] - np.arange(ORDERS), 0),
        lengths=lengths,
        closest=np.array([_closest(*pair) for pair in pairs], dtype=np.int64),
    )


@lru_cache(maxsize=16384)
def ngram_counts(words: Words) -> Mapping[Words, int]:
    """How often each n-gram of length 1 to 4 occurs."""
    counts: Counter[Words] = Counter()
    for order in range(1, ORDERS + 1):
        counts.update(zip(*(words[start:] for start in range(order)), strict=False))
    return counts


def _matched(candidate: Words, references: tuple[Words, ...]) -> list[int]:
    confirmed = [ngram_counts(reference) for reference in references]
    totals = [0] * ORDERS
    for ngram, count in ngram_counts(candidate).items():
        most = max(counts.get(ngram, 0) for counts in confirmed)
        totals[len(ngram) - 1] += min(count, most)
    return totals


def _closest(candidate: Words, references: tuple[Words, ...]) -> int:
    return min((abs(len(each) - len(candidate)), len(each)) for each in references)[1]
