"""CIDEr-D: what a text says that its references say and few others do."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from jaxtyping import Float

from seewhy.evaluation.captions.bleu import ORDERS, ngram_counts
from seewhy.evaluation.captions.items import Items, Words

SIGMA = 6.0


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
    counted = known or frequencies(items.references)
    weights = _Weights(counted)
    pairs = zip(items.candidates, items.references, strict=True)
    return np.array([_cider(candidate, group, weights) for candidate, group in pairs])


class _Weights(dict[Words, float]):
    """Weights of n-grams, each computed once."""

    def __init__(self, known: Frequencies) -> None:
        super().__init__()
        self.known = known

    def __missing__(self, ngram: Words) -> float:
        self[ngram] = weight = self.known.weight(ngram)
        return weight


@dataclass(frozen=True, eq=False)
class _Vector:
    """Weighted counts, their norms per order, and the number of bigrams as the length."""

    entries: dict[Words, float]
    norms: list[float]
    length: int

    @classmethod
    def of(cls, words: Words, weights: _Weights) -> "_Vector":
        entries = {ngram: count * weights[ngram] for ngram, count in ngram_counts(words).items()}
        squares = [0.0] * ORDERS
        for ngram, value in entries.items():
            squares[len(ngram) - 1] += value * value
        return cls(entries, [sqrt(each) for each in squares], max(len(words) - 1, 0))


def _cider(candidate: Words, references: tuple[Words, ...], weights: _Weights) -> float:
    vector = _Vector.of(candidate, weights)
    scores = [_similarity(vector, _Vector.of(each, weights)) for each in references]
    return 10 * sum(scores) / len(scores)


def _similarity(candidate: _Vector, reference: _Vector) -> float:
    products = [0.0] * ORDERS
    for ngram, value in candidate.entries.items():
        other = reference.entries.get(ngram)
        if other is not None:
            products[len(ngram) - 1] += min(value, other) * other
    cosines = (
        product / (norm * other) if norm and other else product
        for product, norm, other in zip(products, candidate.norms, reference.norms, strict=True)
    )
    gap = candidate.length - reference.length
    return sum(cosines) / ORDERS * exp(-(gap**2) / (2 * SIGMA**2))
