"""Vectors of sentences by hashed words, where no sentence encoder is at hand."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from seewhy.models.text_folder import TextFolder

HASHES = 4096
HASHED_NAME = "hashed words"

Sentences = Callable[[Sequence[str]], Float[np.ndarray, "texts dim"]]
"""Gives a vector for each text."""


def hashed_sentences(
    texts: Sequence[str], *, hashes: int = HASHES
) -> Float[np.ndarray, "texts dim"]:
    """Counts of words and pairs of words, hashed, of unit length; a text without words has 0.

    Alike are texts that share words: it knows no synonyms, so it is stricter than a sentence
    encoder about what is the same.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(
        n_features=hashes,
        ngram_range=(1, 2),
        token_pattern=r"\w+",
        alternate_sign=False,
        dtype=np.float32,
    )
    found: Float[np.ndarray, "texts dim"] = hashed.transform(list(texts)).toarray()
    return found


def folder_sentences(encoder: TextFolder) -> Sentences:
    """The mean over the tokens of a text encoder."""
    return lambda texts: encoder.sentences(texts).numpy()
