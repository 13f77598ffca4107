import numpy as np
import pytest
from numpy.testing import assert_allclose

from seewhy.audit.alternatives.permutations import (
    permutations,
    unique_p_values,
    without_others,
)


def chance(seed=0):
    return np.random.default_rng(seed)


def correlated(seed, images=40):
    """Two groups of features that share most of their variance."""
    generator = chance(seed)
    shared = generator.normal(size=(images, 2))
    return {name: shared + 0.7 * generator.normal(size=(images, 2)) for name in ("first", "second")}


def test_a_group_that_decides_is_found_and_an_idle_one_is_not():
    features = correlated(0, images=200)
    p_values = unique_p_values(features, features["first"] @ np.ones((2, 3)), chance())
    assert p_values["first"] == pytest.approx(0.01)
    assert p_values["second"] > 0.05


def test_p_values_of_an_idle_group_are_uniform_though_it_goes_with_one_that_decides():
    p_values = []
    for seed in range(300):
        features = correlated(seed)
        outcomes = features["first"] @ np.ones((2, 1)) + chance(seed + 1000).normal(size=(40, 1))
        p_values.append(unique_p_values(features, outcomes, chance(seed))["second"])
    for level in (0.05, 0.2, 0.5):
        spread = (level * (1 - level) / 300) ** 0.5
        assert abs(np.mean(np.array(p_values) <= level) - level) < 3 * spread


def test_a_split_is_the_least_squares_fit():
    features, outcomes = correlated(0), chance(1).normal(size=(40, 3))
    parts = without_others(features, outcomes, group="first")
    design = np.concatenate([np.ones((40, 1)), features["second"]], axis=1)
    fitted = design @ np.linalg.lstsq(design, outcomes, rcond=None)[0]
    assert_allclose(parts.explained, fitted, atol=1e-9)
    assert_allclose(parts.explained + parts.left, outcomes, atol=1e-12)
    assert_allclose(design.T @ parts.own_left, 0, atol=1e-9)


def test_a_group_that_the_others_tell_wholly_cannot_be_tested():
    first = chance().normal(size=(30, 2))
    features = {"first": first, "second": first @ chance(1).normal(size=(2, 2))}
    assert unique_p_values(features, first, chance()) == {"first": 1.0, "second": 1.0}


def test_the_chance_statistic_is_the_gain_of_the_dealt_features():
    features, outcomes = correlated(3), chance(4).normal(size=(40, 1))
    order = permutations(40, chance(5), draws=1)[0]
    parts = without_others(features, outcomes, group="first")
    dealt = np.concatenate([np.ones((40, 1)), features["second"]], axis=1)
    more = np.concatenate([dealt, parts.own_left[order]], axis=1)
    gain = sum_of_squares(dealt, outcomes) - sum_of_squares(more, outcomes)
    from seewhy.audit.alternatives.permutations import _basis, _explained_by_chance

    found = _explained_by_chance(_basis(parts.own_left)[order][None], parts)
    assert_allclose(found, gain, rtol=1e-6)


def sum_of_squares(design, outcomes):
    residuals = outcomes - design @ np.linalg.lstsq(design, outcomes, rcond=None)[0]
    return (residuals**2).sum()


def test_permutations_hold_every_image_once():
    orders = permutations(7, chance(), draws=5)
    assert_allclose(np.sort(orders, axis=1), np.tile(np.arange(7), (5, 1)))
    assert len({tuple(order) for order in orders}) > 1
