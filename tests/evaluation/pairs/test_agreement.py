import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from numpy.testing import assert_allclose

from seewhy.base.errors import UsageError
from seewhy.evaluation.pairs.agreement import rank_correlation, structural_similarity


def drawn(seed, count=2, size=(9, 11)):
    return torch.rand((count, *size), generator=torch.Generator().manual_seed(seed))


@settings(max_examples=15)
@given(seed=integers(0, 2**16))
def test_ranks_know_only_the_order(seed):
    first, second = drawn(seed), drawn(seed + 1)
    found = rank_correlation(first, second)
    assert_allclose(rank_correlation(first.exp() * 7, second**3), found, atol=1e-9)
    assert_allclose(rank_correlation(first, -second), -found, atol=1e-9)
    assert_allclose(rank_correlation(second, first), found, atol=1e-9)
    assert_allclose(rank_correlation(first, first), 1)


def test_ranks_by_hand_and_flat_maps():
    first = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    second = torch.tensor([[[1.0, 2.0], [4.0, 3.0]]])
    # 1 - 6 * sum of squared rank differences / (n (n^2 - 1)).
    assert rank_correlation(first, second)[0] == pytest.approx(1 - 6 * 2 / 60)
    assert np.isnan(rank_correlation(first, torch.ones(1, 2, 2))).all()


def slow_similarity(first, second, side):
    """The mean over all windows of the product of luminance, contrast and structure."""
    scores = []
    for row in range(first.shape[0] - side + 1):
        for col in range(first.shape[1] - side + 1):
            one, other = (
                each[row : row + side, col : col + side].ravel() for each in (first, second)
            )
            covariance = np.cov(one, other)
            scores.append(
                (2 * one.mean() * other.mean() + 1e-4)
                * (2 * covariance[0, 1] + 9e-4)
                / (one.mean() ** 2 + other.mean() ** 2 + 1e-4)
                / (covariance[0, 0] + covariance[1, 1] + 9e-4)
            )
    return np.mean(scores)


@pytest.mark.parametrize(("size", "side"), [((9, 11), 7), ((6, 9), 5), ((3, 4), 3)])
def test_structure_by_a_second_derivation(size, side):
    first, second = drawn(0, size=size), drawn(5, size=size)
    scaled = [(each - each.min()) / (each.max() - each.min()) for each in (first[1], second[1])]
    expected = slow_similarity(*(each.double().numpy() for each in scaled), side)
    assert structural_similarity(first, second)[1] == pytest.approx(expected, abs=1e-5)


def test_range_and_offset_do_not_count_and_small_maps_are_refused():
    first, second = drawn(1), drawn(2)
    assert_allclose(structural_similarity(first, 4 * first - 2), 1, atol=1e-5)
    found = structural_similarity(first, second)
    assert_allclose(structural_similarity(3 * first + 1, second), found, atol=1e-5)
    assert (np.abs(found) < 0.5).all()
    with pytest.raises(UsageError, match="at least 3 x 3"):
        structural_similarity(drawn(0, size=(2, 9)), drawn(1, size=(2, 9)))
