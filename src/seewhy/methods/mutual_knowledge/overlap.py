"""How much two lists of concepts share: the published index, and sound measures beside it.

Lists hold ids of concepts. Logarithms are natural, so information is in nats.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from seewhy.base.errors import UsageError

GUARD = 1e-9
"""What the published code adds to a probability before it takes its logarithm."""


class SharedConcepts(NamedTuple):
    """Three lists of ids without a common one; `mutual` ascends, the others keep their order."""

    mutual: tuple[int, ...]
    vision_only: tuple[int, ...]
    language_only: tuple[int, ...]


@dataclass(frozen=True)
class Overlap:
    """What two lists share; a concept that a list repeats counts once, but for `index`.

    `index` is the published one, see `overlap_information`. `share` is of the vision list.
    `information` is the mutual information of being in the one list and in the other, over the
    concepts of the bank; `p_value` is the chance that two random lists of these lengths share at
    least as many. `printed` is the equation of the paper, NaN without a match. `ranked` is the
    rank-biased overlap.
    """

    matches: int
    index: float
    share: float
    jaccard: float
    information: float
    p_value: float
    printed: float
    ranked: float


def shared_concepts(vision: Sequence[int], language: Sequence[int]) -> SharedConcepts:
    """The concepts of both lists, and of one alone, each once."""
    seen, expected = dict.fromkeys(vision), dict.fromkeys(language)
    return SharedConcepts(
        tuple(sorted(seen.keys() & expected.keys())),
        tuple(number for number in seen if number not in expected),
        tuple(number for number in expected if number not in seen),
    )


def matching_pairs(vision: Sequence[int], language: Sequence[int]) -> int:
    """Pairs of entries that are equal; repeated entries count as often as they stand there."""
    return sum(hits_of(vision, language))


def hits_of(vision: Sequence[int], language: Sequence[int]) -> list[int]:
    """For each entry of the first list, how often the second holds it."""
    times: dict[int, int] = {}
    for number in language:
        times[number] = times.get(number, 0) + 1
    return [times.get(number, 0) for number in vision]


def overlap_information(vision: int, language: int, *, matches: int) -> float:
    """The published index of two lists of these lengths: about ln(vision * language * matches).

    It is 0 without a match. The paper calls it mutual information, which it is not: the appendix
    and the code add the joint entropy that equation 1 subtracts. It grows with the overlap, exceeds
    the entropy of either list, jumps from 0 at the first match and then grows by ln(matches) alone.
    """
    _check_counts(vision, language, matches=matches, most=vision * language)
    table = overlap_informations(np.array(vision), np.array(language), np.array(matches))
    return float(table)


def overlap_informations(
    vision: Int[np.ndarray, "..."],
    language: Int[np.ndarray, "..."],
    matches: Int[np.ndarray, "..."],
) -> Float[np.ndarray, "..."]:
    """`overlap_information` of each entry; lengths of 0 go with 0 matches."""
    some = matches > 0
    marginals = np.log(np.maximum(vision, 1)) + np.log(np.maximum(language, 1))
    joint = -np.log(1 / np.where(some, matches, 1) + GUARD)
    return np.asarray(np.where(some, marginals + joint, 0.0), dtype=np.float64)


def printed_information(vision: int, language: int, *, matches: int) -> float:
    """Equation 1 as it is printed, ln(vision * language / matches): it falls as lists share more.

    NaN without a match, where its joint entropy is not defined.
    """
    _check_counts(vision, language, matches=matches, most=vision * language)
    return math.log(vision * language / matches) if matches else math.nan


def jaccard(vision: int, language: int, *, matches: int) -> float:
    """Shared concepts over those of either list, from 0 to 1; NaN for two empty lists."""
    _check_counts(vision, language, matches=matches, most=min(vision, language))
    either = vision + language - matches
    return matches / either if either else math.nan


def membership_information(vision: int, language: int, *, matches: int, concepts: int) -> float:
    """Mutual information of being in the one list and in the other, over a bank of `concepts`.

    From 0, where the lists share what independent ones would, to the smaller entropy of the two.
    Unlike the published index it also grows where lists share less than chance; `matches` against
    `vision * language / concepts` says which.
    """
    _check_bank(vision, language, matches=matches, concepts=concepts)
    cells = np.array(
        [
            [matches, vision - matches],
            [language - matches, concepts - vision - language + matches],
        ]
    )
    joint = cells / concepts
    independent = np.outer(joint.sum(axis=1), joint.sum(axis=0))
    filled = joint > 0
    total = (joint[filled] * np.log(joint[filled] / independent[filled])).sum()
    return max(float(total), 0.0)


def chance_of_overlap(vision: int, language: int, *, matches: int, concepts: int) -> float:
    """Probability that random lists of these lengths share at least so many (hypergeometric)."""
    from scipy.stats import hypergeom

    _check_bank(vision, language, matches=matches, concepts=concepts)
    return float(hypergeom.sf(matches - 1, concepts, vision, language))


def rank_biased_overlap(
    vision: Sequence[int], language: Sequence[int], *, persistence: float = 0.9
) -> float:
    """Agreement of two rankings, the top counting most; 1 for equal ones, 0 for disjoint ones.

    `persistence` is the probability of reading on after each rank. What lies below the lists is
    extrapolated from them; lists may differ in length and hold no repeats. NaN for an empty list.
    Source: Webber, Moffat and Zobel, ACM TOIS 2010, equation 32.
    """
    if not 0 < persistence < 1:
        raise UsageError(f"persistence is {persistence}; wanted a number between 0 and 1.")
    _refuse_repeats(vision, language)
    short, long = sorted((list(vision), list(language)), key=len)
    if not short:
        return math.nan
    least, most = len(short), len(long)
    depths = np.arange(1, most + 1)
    common = _common_at(short, long)
    at_least, at_most = common[least - 1], common[-1]
    weights = persistence**depths
    beyond = np.where(depths > least, at_least * (depths - least) / (least * depths), 0.0)
    seen = ((common / depths + beyond) * weights).sum()
    tail = (at_most - at_least) / most + at_least / least
    total = (1 - persistence) / persistence * seen + tail * persistence**most
    return float(np.clip(total, 0.0, 1.0))


def rank_agreement(
    image: Float[np.ndarray, " concepts"], classes: Float[np.ndarray, "classes concepts"]
) -> Float[np.ndarray, " classes"]:
    """Spearman correlation of an image's similarities with those of each class, over the bank.

    It needs no cut-off. Equal values share their ranks; NaN where all values are equal.
    """
    from scipy.stats import rankdata

    if not (np.isfinite(image).all() and np.isfinite(classes).all()):
        raise UsageError("similarities hold NaN or infinity; leave such an image or class out.")
    one = _standardised(rankdata(image)[None])
    return np.asarray(_standardised(rankdata(classes, axis=1)) @ one[0])


def compare_lists(vision: Sequence[int], language: Sequence[int], *, concepts: int) -> Overlap:
    """All measures of two lists of ids out of a bank of `concepts`."""
    outside = [number for number in (*vision, *language) if not 0 <= number < concepts]
    if outside:
        raise UsageError(
            f"concept {outside[0]} is not in the bank of {concepts}; ids go from 0 to "
            f"{concepts - 1}."
        )
    seen, expected = list(dict.fromkeys(vision)), list(dict.fromkeys(language))
    lengths, matches = (len(seen), len(expected)), matching_pairs(seen, expected)
    whole = (len(vision), len(language))
    pairs = matching_pairs(vision, language)
    return Overlap(
        matches=matches,
        index=overlap_information(*whole, matches=pairs),
        share=matches / lengths[0] if lengths[0] else math.nan,
        jaccard=jaccard(*lengths, matches=matches),
        information=membership_information(*lengths, matches=matches, concepts=concepts),
        p_value=chance_of_overlap(*lengths, matches=matches, concepts=concepts),
        printed=printed_information(*whole, matches=pairs),
        ranked=rank_biased_overlap(seen, expected),
    )


def _standardised(
    ranks: Float[np.ndarray, "rows concepts"],
) -> Float[np.ndarray, "rows concepts"]:
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    return np.asarray(centred / np.where(length > 0, length, np.nan))


def _common_at(short: Sequence[int], long: Sequence[int]) -> Int[np.ndarray, " depths"]:
    """How many concepts the tops of both lists share, at each depth of the longer one."""
    place = {number: depth for depth, number in enumerate(long)}
    meet = np.zeros(len(long), dtype=np.int64)
    for depth, number in enumerate(short):
        if number in place:
            meet[max(depth, place[number])] += 1
    return meet.cumsum()


def _refuse_repeats(*lists: Sequence[int]) -> None:
    for numbers in lists:
        if len(set(numbers)) != len(numbers):
            raise UsageError(f"a ranking holds a concept twice: {list(numbers)!r:.80}.")


def _check_counts(vision: int, language: int, *, matches: int, most: int) -> None:
    if min(vision, language, matches) < 0 or matches > most:
        raise UsageError(
            f"{matches} matches of lists of {vision} and {language} concepts; wanted 0 to {most}."
        )


def _check_bank(vision: int, language: int, *, matches: int, concepts: int) -> None:
    _check_counts(vision, language, matches=matches, most=min(vision, language))
    least = max(vision + language - concepts, 0)
    if concepts < 1 or max(vision, language) > concepts or matches < least:
        raise UsageError(
            f"a bank of {concepts} concepts has no lists of {vision} and {language} that share "
            f"{matches}."
        )
