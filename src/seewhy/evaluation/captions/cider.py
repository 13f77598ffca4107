"""CIDEr-D: what a text says that its references say and few others do."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from jaxtyping import Float

from seewhy.evaluation.captions.bleu import ORDERS, ngram_counts
from seewhy.evaluation.captions.items import Items, Words

_SIGMA = 6.0
_SCALE = 10.0


@dataclass(frozen=True, eq=False)
class Frequencies:
    """In the references of how many images each n-gram of 1 to 4 words occurs, out of how many."""

    documents: Mapping[Words, int]
    images: int

    def weight(self, ngram: Words) -> float:
        """The logarithm of images over documents; an n-gram never seen counts as seen once."""
        return log(self.images) - log(max(1, self.documents.get(ngram, 0)))


def frequencies(references: Iterable[Iterable[Words]]) -> Frequencies:
    """Document frequencies of these references, one collection per image."""
    documents: Counter[Words] = Counter()
    images = 0
    for images, group in enumerate(references, start=1):  # noqa: B007
        documents.update({ngram for words in group for ngram in ngram_counts(words)})
    return Frequencies(documents, max(images, 1))


def cider(items: Items, *, known: Frequencies | None = None) -> Float[np.ndarray, " items"]:
    """CIDEr-D of each text, 0 to 10, the mean over its references.

    Frequencies are those of the references at hand unless others are given, such as a training
    set's. With those at hand this is what the COCO toolkit calls CIDEr; a score then depends on
    which other texts are scored with it, and one text alone has 0.
    Source: Vedantam et al., CIDEr, CVPR 2015 (clipped, Gaussian penalty of lengths, sigma 6).
    """
    scores = CiderScores(known or frequencies(items.references))
    pairs = zip(items.candidates, items.references, strict=True)
    return np.array([scores.score(candidate, scores.weighed(group)) for candidate, group in pairs])


@dataclass(frozen=True, eq=False)
class WeighedReferences:
    """References of one text: by n-gram its weight in each that has it; norms per order, lengths.

    The length is the number of bigrams.
    """

    weights: Mapping[Words, Sequence[tuple[int, float]]]
    norms: Sequence[Sequence[float]]
    lengths: Sequence[int]


class CiderScores:
    """CIDEr-D of one text after the other, 0 to 10, by frequencies that are known beforehand."""

    def __init__(self, known: Frequencies) -> None:
        self._weights = _Weights(known)

    def weighed(self, references: Sequence[Words]) -> WeighedReferences:
        """All of the references that a score needs; can be kept for further texts."""
        weights: dict[Words, list[tuple[int, float]]] = {}
        squares = [[0.0] * ORDERS for _ in references]
        for place, words in enumerate(references):
            for ngram, count in ngram_counts(words).items():
                weight = count * self._weights[ngram]
                weights.setdefault(ngram, []).append((place, weight))
                squares[place][len(ngram) - 1] += weight * weight
        norms = [[sqrt(each) for each in row] for row in squares]
        return WeighedReferences(weights, norms, [_length(words) for words in references])

    def score(self, words: Words, references: WeighedReferences) -> float:
        """The mean over the references."""
        products = [[0.0] * ORDERS for _ in references.lengths]
        squares = [0.0] * ORDERS
        for ngram, count in ngram_counts(words).items():
            weight = count * self._weights[ngram]
            order = len(ngram) - 1
            squares[order] += weight * weight
            for place, other in references.weights.get(ngram, ()):
                products[place][order] += min(weight, other) * other
        norms = [sqrt(each) for each in squares]
        length = _length(words)
        total = 0.0
        for row, others, reference_length in zip(
            products, references.norms, references.lengths, strict=True
        ):
            cosines = (
                product / (norm * other) if norm and other else product
                for product, norm, other in zip(row, norms, others, strict=True)
            )
            gap = length - reference_length
            total += sum(cosines) / ORDERS * exp(-(gap**2) / (2 * _SIGMA**2))
        return _SCALE * total / len(references.lengths)


class _Weights(dict[Words, float]):
    """Weights of n-grams, each computed once."""

    def __init__(self, known: Frequencies) -> None:
        super().__init__()
        self.known = known

    def __missing__(self, ngram: Words) -> float:
        self[ngram] = weight = self.known.weight(ngram)
        return weight


def _length(words: Words) -> int:
    return max(len(words) - 1, 0)
