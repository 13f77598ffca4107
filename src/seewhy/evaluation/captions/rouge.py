"""ROUGE-L as the COCO caption toolkit computes it."""

from collections.abc import Hashable

import numpy as np
from jaxtyping import Float

from seewhy.evaluation.captions.items import Items, Words

BETA = 1.2


def rouge_l(items: Items) -> Float[np.ndarray, " items"]:
    """F-measure of the longest common subsequence of each text, 0 to 1.

    Precision and recall are each the highest over the references, not of one reference; recall
    counts 1.44 times as much. No stemming. An empty text has 0.
    """
    pairs = zip(items.candidates, items.references, strict=True)
    return np.array([_rouge(candidate, references) for candidate, references in pairs])


def common_subsequence(first: Words, second: Words) -> int:
    """The length of the longest common subsequence, by one bit per word of the first.

    Source: Hyyrö, Bit-parallel LCS-length computation revisited, AWOCA 2004.
    """
    places: dict[Hashable, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(first)) - 1
    unmatched = every
    for word in second:
        hits = unmatched & places.get(word, 0)
        unmatched = (unmatched + hits | unmatched - hits) & every
    return len(first) - unmatched.bit_count()


def _rouge(candidate: Words, references: tuple[Words, ...]) -> float:
    if not candidate:
        return 0.0
    common = [(common_subsequence(candidate, each), len(each)) for each in references if each]
    precision = max((length / len(candidate) for length, _ in common), default=0.0)
    recall = max((length / size for length, size in common), default=0.0)
    if not precision or not recall:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)
