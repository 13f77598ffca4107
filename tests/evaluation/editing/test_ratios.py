import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers
from scipy.stats import binomtest

from seewhy.evaluation.editing.counting import shares
from seewhy.evaluation.editing.ratios import wilson


@given(uses=integers(1, 300), part=integers(0, 300))
def test_wilson_is_scipys(uses, part):
    hits = min(part, uses)
    found = wilson(hits, uses)
    bounds = binomtest(hits, uses).proportion_ci(method="wilson")
    assert found.value == hits / uses
    assert (found.low, found.high) == pytest.approx((bounds.low, bounds.high), abs=1e-9)


def test_nothing_is_known_of_what_was_never_used():
    assert np.isnan(wilson(0, 0).low)
    found = shares([], [(0, "red")], base={"red": "red", "blue": "blue"}).intervals(
        1, resamples=100, seed=0
    )
    assert found["red"].value == 0
    assert np.isnan([found["blue"].value, found["blue"].low, found["blue"].high]).all()


def test_shares_count_uses_not_captions():
    """Caption 0 says red three times, twice wrongly; caption 1 once, rightly."""
    uses = [(0, "red")] * 3 + [(1, "red"), (1, "blue")]
    ratios = shares([(0, "red")] * 2, uses, base={"red": "red", "blue": "blue"})
    np.testing.assert_array_equal(ratios(np.array([1, 1])), [2 / 4, 0])
    np.testing.assert_array_equal(ratios(np.array([2, 1])), [4 / 7, 0])
    np.testing.assert_array_equal(ratios(np.array([1, 0])), [2 / 3, np.nan])


def test_a_share_can_have_another_names_uses_for_its_base():
    ratios = shares(
        [(0, "red blue"), (1, "red green")],
        [(0, "red"), (1, "red"), (2, "red"), (2, "blue")],
        base={"red blue": "red", "red green": "red"},
    )
    np.testing.assert_allclose(ratios(np.ones(3, dtype=int)), [1 / 3, 1 / 3])


def test_intervals_are_never_narrower_than_wilsons():
    """Three of three: every resample gives 1, yet three uses prove little."""
    uses = [(place, "red") for place in range(3)]
    found = shares(uses, uses, base={"red": "red"}).intervals(3, resamples=200, seed=0)["red"]
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(wilson(3, 3).low)
    assert found.low < 0.5


def test_uses_that_go_together_widen_the_interval():
    """Twenty captions of ten uses each, all wrong or all right: twenty draws, not two hundred."""
    uses = [(place, "red") for place in range(20) for _ in range(10)]
    hits = [use for use in uses if use[0] < 10]
    found = shares(hits, uses, base={"red": "red"}).intervals(20, resamples=400, seed=0)["red"]
    alone = wilson(100, 200)
    assert found.value == 0.5
    assert found.high - found.low > 2 * (alone.high - alone.low)


def test_no_name_and_no_caption_are_no_error():
    assert shares([], [], base={}).intervals(3, resamples=100, seed=0) == {}
    assert shares([], [], base={"red": "red"}).intervals(0, resamples=100, seed=0) == {}
