"""CIDEr-D as a reward: the same caption's truth is asked for again and again, so it is kept."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from math import exp, sqrt

import numpy as np
from jaxtyping import Float

from seewhy.evaluation.captions.bleu import ORDERS, ngram_counts
from seewhy.evaluation.captions.cider import SIGMA, Frequencies, frequencies
from seewhy.evaluation.captions.items import Words

END = 0
_SCALE = 10.0


def ended(words: Iterable[int]) -> Words:
    """Word ids with the end of the caption as a word of its own, as a reward sees them."""
    return (*words, END)


@dataclass(frozen=True, eq=False)
class _Known:
    """The references of one caption: by n-gram its weight in each, and norms and lengths."""

    weights: dict[Words, list[tuple[int, float]]]
    norms: list[list[float]]
    lengths: list[int]


@dataclass(frozen=True, eq=False)
class CaptionReward:
    """CIDEr-D, 0 to 10, of captions against references that have a key each.

    `known` are document frequencies of the captions that are trained on. References are looked
    into once for each key; whoever gives other references has to give another key.
    """

    known: Frequencies
    _kept: dict[Hashable, _Known] = field(default_factory=dict, repr=False)
    _weights: dict[Words, float] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, references: Iterable[Iterable[Words]]) -> "CaptionReward":
        """With the frequencies of these captions, one collection for each image."""
        return cls(frequencies(references))

    def __call__(
        self,
        captions: Sequence[Words],
        references: Sequence[Sequence[Words]],
        *,
        keys: Sequence[Hashable],
    ) -> Float[np.ndarray, " captions"]:
        """The mean over the references of each caption."""
        rows = zip(captions, references, keys, strict=True)
        return np.array([self._score(words, self._of(key, group)) for words, group, key in rows])

    def _weight(self, ngram: Words) -> float:
        found = self._weights.get(ngram)
        if found is None:
            found = self._weights[ngram] = self.known.weight(ngram)
        return found

    def _of(self, key: Hashable, references: Sequence[Words]) -> _Known:
        if key not in self._kept:
            self._kept[key] = self._looked_into(references)
        return self._kept[key]

    def _looked_into(self, references: Sequence[Words]) -> _Known:
        weights: dict[Words, list[tuple[int, float]]] = {}
        norms = [[0.0] * ORDERS for _ in references]
        for place, words in enumerate(references):
            for ngram, count in ngram_counts(words).items():
                weight = count * self._weight(ngram)
                weights.setdefault(ngram, []).append((place, weight))
                norms[place][len(ngram) - 1] += weight * weight
        lengths = [max(len(words) - 1, 0) for words in references]
        return _Known(weights, [[sqrt(each) for each in row] for row in norms], lengths)

    def _score(self, words: Words, known: _Known) -> float:
        products = [[0.0] * ORDERS for _ in known.lengths]
        norms = [0.0] * ORDERS
        for ngram, count in ngram_counts(words).items():
            weight = count * self._weight(ngram)
            order = len(ngram) - 1
            norms[order] += weight * weight
            for place, other in known.weights.get(ngram, ()):
                products[place][order] += min(weight, other) * other
        own = [sqrt(each) for each in norms]
        length = max(len(words) - 1, 0)
        total = 0.0
        for row, others, other_length in zip(products, known.norms, known.lengths, strict=True):
            cosines = (
                product / (mine * other) if mine and other else product
                for product, mine, other in zip(row, own, others, strict=True)
            )
            gap = length - other_length
            total += sum(cosines) / ORDERS * exp(-(gap**2) / (2 * SIGMA**2))
        return _SCALE * total / len(known.lengths)
