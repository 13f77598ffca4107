"""CIDEr-D as a reward: the same caption's truth is asked for again and again, so it is kept."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from jaxtyping import Float

from seewhy.evaluation.captions.cider import (
    CiderScores,
    Frequencies,
    WeighedReferences,
    frequencies,
)
from seewhy.evaluation.captions.items import Words

END = 0


def ended(words: Iterable[int]) -> Words:
    """Word ids with the end of the caption as a word of its own, as a reward sees them."""
    return (*words, END)


class CaptionReward:
    """CIDEr-D, 0 to 10, of captions against references that have a key each.

    `known` are document frequencies of the captions that are trained on. References are looked
    into once for each key; whoever gives other references has to give another key.
    """

    def __init__(self, known: Frequencies) -> None:
        self.known = known
        self._scores = CiderScores(known)
        self._kept: dict[Hashable, WeighedReferences] = {}

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
        return np.array(
            [self._scores.score(words, self._weighed(key, group)) for words, group, key in rows]
        )

    def _weighed(self, key: Hashable, references: Sequence[Words]) -> WeighedReferences:
        if key not in self._kept:
            self._kept[key] = self._scores.weighed(references)
        return self._kept[key]
