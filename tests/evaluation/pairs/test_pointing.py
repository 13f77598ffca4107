import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, integers

from seewhy.base.errors import DataError
from seewhy.evaluation.maps import compare
from seewhy.evaluation.pairs.pointing import pointing_figures, top_region

MASK = np.zeros((4, 5), dtype=bool)
MASK[:2, :2] = True
ON, OFF = MASK.astype(float), np.roll(MASK, 2, axis=0).astype(float)


def test_both_views_have_to_point():
    right = pointing_figures(ON, ON, masks=(MASK, MASK))
    assert set(right.values()) == {1.0}
    half = pointing_figures(ON, OFF, masks=(MASK, MASK))
    assert (half["pointing, first"], half["pointing, second"]) == (1, 0)
    assert half["pointing"] == half["top region"] == 0
    assert half["energy"] == 0.5
    # Off the mask, 4 pixels outscore all, 12 tie with the mask's: 1/2 * 12/16.
    assert half["AUROC"] == pytest.approx((1 + 12 / 32) / 2)


def test_a_flat_map_points_as_often_as_chance():
    found = pointing_figures(np.zeros((4, 5)), np.ones((4, 5)), masks=(MASK, MASK))
    assert found["pointing"] == pytest.approx((4 / 20) ** 2)
    assert found["top region"] == 0
    assert found["energy"] == pytest.approx(4 / 20)
    assert found["AUROC"] == 0.5


def test_a_region_by_hand():
    values = np.array([[9.0, 8.0, 7.0, 7.0, 0.0]])
    mask = np.array([[False, True, True, False, True]])
    pair = compare(values, mask)
    assert top_region(pair, share=0.2) == 0
    assert top_region(pair, share=0.4) == 0.5
    # The third pixel is either of two that tie, one of them on the mask.
    assert top_region(pair, share=0.6) == pytest.approx(1.5 / 3)
    assert top_region(pair, share=0.8) == pytest.approx(2 / 4)
    assert top_region(pair, share=1.0) == pytest.approx(3 / 5)
    assert top_region(pair, share=0.001) == 0


@settings(max_examples=25)
@given(seed=integers(0, 2**16), share=floats(0.05, 1))
def test_a_region_is_a_mean_over_the_highest_pixels(seed, share):
    generator = np.random.default_rng(seed)
    values, mask = generator.permutation(30.0 * np.arange(30)).reshape(5, 6), np.zeros((5, 6), bool)
    mask.flat[generator.permutation(30)[:9]] = True
    count = share * 30
    ranked = mask.flat[np.argsort(-values, axis=None)]
    weights = np.clip(max(count, 1) - np.arange(30), 0, 1)
    expected = (weights * ranked).sum() / weights.sum()
    assert top_region(compare(values, mask), share=share) == pytest.approx(expected)


def test_an_object_that_cannot_be_seen_is_refused():
    with pytest.raises(DataError, match="none of which counts"):
        pointing_figures(ON, ON, masks=(MASK, np.zeros_like(MASK)))
