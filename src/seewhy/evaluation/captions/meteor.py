"""METEOR 1.5 for English, without synonyms and paraphrases."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float

from seewhy.evaluation.captions.alignment import aligned, chunks
from seewhy.evaluation.captions.items import Items, Words
from seewhy.evaluation.weighted import Figures, PerClass, Weights

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
STEM_WEIGHT = 0.6
NAME = "METEOR (exact, stem)"

_FUNCTION_WORDS = """
a an the this that these those all any both each no some such same other more most much many
one two first last new own another
i you he she it we they me him her us them my your his its our their who whom whose which what
there here
of in to for on with at by from as into about after against before between during out over
through under up down off since until without
and or but if because than when while where how so not also only very just then now even well
is are was were be been being has have had having do does did will would can could should may
might must
' " . , ! ? : ; - ( ) s 's 't
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())

_FIELDS = 9


@dataclass(frozen=True, eq=False)
class MeteorCounts:
    """All that the score needs of each text beside the reference that suits it best.

    Columns: weighted matches of text and reference, their weighted lengths, matches of each,
    their lengths, chunks.
    """

    counts: Float[np.ndarray, "items fields"]

    @property
    def names(self) -> tuple[str, ...]:
        """The name says what is missing of METEOR."""
        return (NAME,)

    def __call__(self, weights: Weights) -> Figures:
        """The score of the whole, 0 to 1: counts are summed first, so no mean over texts."""
        sums: Float[np.ndarray, " fields"] = weights @ self.counts
        return meteor_scores(sums[None])

    def by_class(self, _weights: Weights) -> Mapping[str, PerClass]:
        """None."""
        return {}

    def only(self, rows: Bool[np.ndarray, " items"]) -> "MeteorCounts":
        """The counts of some of the texts."""
        return MeteorCounts(self.counts[rows])

    @property
    def each(self) -> Float[np.ndarray, " items"]:
        """The score of each text by itself."""
        return meteor_scores(self.counts)


def meteor_scores(counts: Float[np.ndarray, "items fields"]) -> Float[np.ndarray, " items"]:
    """Harmonic mean of precision and recall, less the penalty for fragments; 0 without a match.

    Source: Denkowski and Lavie, Meteor Universal, WMT 2014; parameters of the English ranking
    task.
    """
    columns = counts.T
    hits, reference_hits, length, reference_length = columns[:4]
    matched, reference_matched, words, reference_words, runs = columns[4:]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = hits / length, reference_hits / reference_length
        mean = 1 / ((1 - ALPHA) / precision + ALPHA / recall)
        fragments = runs / ((matched + reference_matched) / 2)
    whole = (matched == words) & (reference_matched == reference_words) & (runs == 1)
    penalty = GAMMA * np.where(whole, 0, fragments) ** BETA
    return np.asarray(np.nan_to_num(mean * (1 - penalty), nan=0.0))


def meteor(items: Items) -> MeteorCounts:
    """Align each text with each of its references and keep the best.

    The official program also matches WordNet synonyms and paraphrases of its tables, which are
    not ours to ship, so scores here are lower than published ones and comparable only with each
    other. The list of function words is our own as well. Words must be strings.
    """
    rows = [
        _best([_counted(candidate, each) for each in references])
        for candidate, references in zip(items.candidates, items.references, strict=True)
    ]
    return MeteorCounts(np.array(rows, dtype=np.float64).reshape(-1, _FIELDS))


def _best(rows: Sequence[Sequence[float]]) -> Sequence[float]:
    if len(rows) == 1:
        return rows[0]
    return rows[int(np.argmax(meteor_scores(np.array(rows))))]


@lru_cache(maxsize=65536)
def normal_words(words: Words) -> tuple[str, ...]:
    """Words as METEOR cuts them: hyphens and apostrophes part words, dots in "u.s." vanish."""
    text = " ".join(map(str, words))
    text = re.sub(r"(?<=\w)[-_](?=\w)", " ", text)
    text = re.sub(r"(?<!\w)'(?=\w)", "' ", text)
    text = re.sub(r"(?<=[^\W\d_])'(?=[^\W\d_])", " '", text)
    text = re.sub(r"(?<=[^\W\d_])\.(?=\w|\s|$)", "", text)
    return tuple(re.sub(r"([^\w\s.,'-])", r" \1 ", text).split())


@lru_cache(maxsize=65536)
def _worth(words: tuple[str, ...]) -> tuple[float, ...]:
    return tuple(1 - DELTA if word in FUNCTION_WORDS else DELTA for word in words)


def _counted(candidate: Words, reference: Words) -> list[float]:
    first, second = normal_words(candidate), normal_words(reference)
    matches = aligned(first, second)
    worth, other_worth = _worth(first), _worth(second)
    weights = [1.0 if match.exact else STEM_WEIGHT for match in matches]
    pairs = list(zip(matches, weights, strict=True))
    counts = (
        sum(weight * worth[match.candidate] for match, weight in pairs),
        sum(weight * other_worth[match.reference] for match, weight in pairs),
        sum(worth),
        sum(other_worth),
        len(matches),
        len(matches),
        len(first),
        len(second),
        chunks(matches),
    )
    return [float(count) for count in counts]
