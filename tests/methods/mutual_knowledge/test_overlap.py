import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists
from scipy.stats import spearmanr
from sklearn.metrics import mutual_info_score
from tests.methods.mutual_knowledge.golden import arrays

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.overlap import (
    chance_of_overlap,
    compare_lists,
    jaccard,
    matching_pairs,
    membership_information,
    overlap_information,
    printed_information,
    rank_agreement,
    rank_biased_overlap,
    shared_concepts,
)

BANK = 30
RANKINGS = lists(integers(0, BANK - 1), min_size=1, max_size=12, unique=True)


def stored_pairs():
    stored = arrays("mutual_information")
    for row, value in enumerate(stored["value"]):
        one = stored["x"][row, : stored["len_x"][row]].tolist()
        other = stored["y"][row, : stored["len_y"][row]].tolist()
        yield one, other, float(value)


def published(one, other):
    """The published computation entry by entry, on the table of matching pairs."""
    table = np.array([[float(a == b) for b in other] for a in one])
    if not table.any():
        return 0.0
    joint = table / table.sum()
    entropy = -(joint[joint > 0] * np.log(joint[joint > 0] + 1e-9)).sum()
    return math.log(len(one)) + math.log(len(other)) + entropy


@pytest.mark.parametrize(("one", "other", "value"), list(stored_pairs()))
def test_the_stored_scores_come_back(one, other, value):
    found = overlap_information(len(one), len(other), matches=matching_pairs(one, other))
    assert found == pytest.approx(value, abs=1e-9)


@given(one=lists(integers(0, 9), max_size=9), other=lists(integers(0, 9), max_size=9))
def test_the_closed_form_is_the_published_computation(one, other):
    found = overlap_information(len(one), len(other), matches=matching_pairs(one, other))
    assert found == pytest.approx(published(one, other), abs=1e-12)


@given(vision=integers(1, 20), language=integers(1, 20))
def test_the_published_index_grows_where_the_printed_equation_falls(vision, language):
    counts = range(1, min(vision, language) + 1)
    found = [overlap_information(vision, language, matches=k) for k in counts]
    printed = [printed_information(vision, language, matches=k) for k in counts]
    assert found == sorted(found)
    assert printed == sorted(printed, reverse=True)
    for matches, value, other in zip(counts, found, printed, strict=True):
        assert value == pytest.approx(math.log(vision * language * matches), abs=1e-7)
        assert value - other == pytest.approx(2 * math.log(matches), abs=1e-7)


def test_without_a_match_the_index_is_zero_and_the_equation_is_not_defined():
    assert overlap_information(15, 50, matches=0) == 0
    assert overlap_information(0, 50, matches=0) == 0
    assert math.isnan(printed_information(15, 50, matches=0))


def test_published_magnitudes():
    assert overlap_information(15, 50, matches=15) == pytest.approx(9.33, abs=0.005)
    assert overlap_information(15, 50, matches=1) == pytest.approx(6.62, abs=0.005)
    assert chance_of_overlap(15, 50, matches=1, concepts=4229) == pytest.approx(0.16, abs=0.005)


@given(one=RANKINGS, other=RANKINGS)
def test_membership_information_is_that_of_two_indicators(one, other):
    marks = [[number in ids for number in range(BANK)] for ids in (one, other)]
    found = compare_lists(one, other, concepts=BANK)
    assert found.information == pytest.approx(mutual_info_score(*marks), abs=1e-12)
    assert found.information >= 0


def test_membership_information_of_equal_and_of_independent_lists():
    entropy = -(0.2 * math.log(0.2) + 0.8 * math.log(0.8))
    assert membership_information(2, 2, matches=2, concepts=10) == pytest.approx(entropy)
    assert membership_information(5, 4, matches=2, concepts=10) == pytest.approx(0, abs=1e-15)
    assert membership_information(10, 4, matches=4, concepts=10) == 0


def test_the_chance_of_an_overlap_counts_all_lists():
    one, bank = {0, 1, 2}, range(7)
    for matches in range(4):
        others = list(combinations(bank, 4))
        counted = sum(len(one & set(other)) >= matches for other in others) / len(others)
        assert chance_of_overlap(3, 4, matches=matches, concepts=7) == pytest.approx(counted)


@given(one=RANKINGS, other=RANKINGS)
def test_jaccard_is_that_of_sets(one, other):
    wanted = len(set(one) & set(other)) / len(set(one) | set(other))
    assert compare_lists(one, other, concepts=BANK).jaccard == pytest.approx(wanted)


def by_definition(one, other, *, persistence):
    """Rank-biased overlap of long lists, term by term."""
    terms = (
        persistence ** (depth - 1) * len(set(one[:depth]) & set(other[:depth])) / depth
        for depth in range(1, len(one) + 1)
    )
    return (1 - persistence) * sum(terms)


def test_rank_biased_overlap_of_long_lists_is_its_definition():
    generator = np.random.default_rng(3)
    one, other = (generator.permutation(300).tolist() for _ in range(2))
    wanted = by_definition(one, other, persistence=0.8)
    assert rank_biased_overlap(one, other, persistence=0.8) == pytest.approx(wanted, abs=1e-12)


@given(one=RANKINGS, other=RANKINGS)
def test_rank_biased_overlap_is_symmetric_and_bounded(one, other):
    found = rank_biased_overlap(one, other)
    assert found == pytest.approx(rank_biased_overlap(other, one))
    assert 0 <= found <= 1
    assert rank_biased_overlap(one, one) == pytest.approx(1)
    assert rank_biased_overlap(one, [number + BANK for number in other]) == 0


def test_rank_biased_overlap_by_hand():
    # Depths 1, 2, 3 share 0, 1, 2 of a pair and a triple; half of the weight goes on.
    p, shared = 0.5, [0, 1, 2]
    weighted = sum(x / d * p**d for d, x in enumerate(shared, start=1)) + 1 / 2 * (1 / 3) * p**3
    wanted = (1 - p) / p * weighted + ((2 - 1) / 3 + 1 / 2) * p**3
    found = rank_biased_overlap([5, 6], [6, 7, 5], persistence=0.5)
    assert found == pytest.approx(wanted)


def test_rank_biased_overlap_weighs_the_top():
    truth = [0, 1, 2, 3]
    assert rank_biased_overlap(truth, [0, 1, 8, 9]) > rank_biased_overlap(truth, [8, 9, 0, 1])


@pytest.mark.parametrize("persistence", [0.0, 1.0, -1.0, 2.0])
def test_persistence_is_a_probability(persistence):
    with pytest.raises(UsageError, match="persistence"):
        rank_biased_overlap([1], [1], persistence=persistence)


def test_rankings_hold_no_repeats():
    with pytest.raises(UsageError, match="twice"):
        rank_biased_overlap([1, 1], [2])


def test_rank_agreement_is_spearman_of_each_class():
    generator = np.random.default_rng(0)
    image, classes = generator.integers(0, 9, 40) / 9, generator.integers(0, 9, (3, 40)) / 9
    wanted = [spearmanr(image, row).statistic for row in classes]
    np.testing.assert_allclose(rank_agreement(image, classes), wanted, atol=1e-12)


def test_rank_agreement_of_a_flat_class_is_not_defined():
    found = rank_agreement(np.arange(4.0), np.array([[1.0, 1, 1, 1], [1, 2, 3, 4], [4, 3, 2, 1]]))
    np.testing.assert_allclose(found, [np.nan, 1, -1])


def test_similarities_that_are_no_numbers_are_refused():
    with pytest.raises(UsageError, match="NaN"):
        rank_agreement(np.array([0.0, np.nan]), np.zeros((1, 2)))


def test_three_lists_without_a_common_concept():
    found = shared_concepts([9, 3, 5, 3], [4, 5, 9, 1])
    assert found == ((5, 9), (3,), (4, 1))


def test_the_stored_mutual_concepts_come_back():
    stored = arrays("language_mutual")
    for vision, language, mutual in zip(
        stored["image_ids"], stored["top_ids"], stored["mutual_ids"], strict=True
    ):
        seen = vision[vision >= 0].tolist()
        found = shared_concepts(seen, language.tolist())
        assert list(found.mutual) == mutual[mutual >= 0].tolist()
        assert {*found.mutual, *found.vision_only} == set(seen)


def test_all_measures_of_two_lists():
    found = compare_lists([0, 1, 2], [2, 7], concepts=10)
    assert (found.matches, found.share) == (1, pytest.approx(1 / 3))
    assert found.index == pytest.approx(math.log(6), abs=1e-8)
    assert found.jaccard == jaccard(3, 2, matches=1) == 0.25
    assert found.printed == printed_information(3, 2, matches=1)


def test_an_empty_list_shares_nothing():
    found = compare_lists([], [1, 2], concepts=10)
    assert (found.matches, found.index, found.jaccard, found.information) == (0, 0, 0, 0)
    assert found.p_value == 1
    assert math.isnan(found.share)
    assert math.isnan(found.ranked)


def test_repeats_count_in_the_published_index_alone():
    found = compare_lists([3, 3, 5], [3, 3], concepts=10)
    assert found.index == pytest.approx(published([3, 3, 5], [3, 3]))
    assert (found.matches, found.jaccard) == (1, 0.5)


@pytest.mark.parametrize("number", [-1, 10])
def test_ids_lie_in_the_bank(number):
    with pytest.raises(UsageError, match=f"concept {number} is not in the bank"):
        compare_lists([number], [1], concepts=10)


def test_impossible_counts_are_refused():
    with pytest.raises(UsageError, match="7 matches"):
        overlap_information(2, 3, matches=7)
    with pytest.raises(UsageError, match="3 matches"):
        jaccard(2, 3, matches=3)
    with pytest.raises(UsageError, match="a bank of 4"):
        membership_information(3, 3, matches=1, concepts=4)
