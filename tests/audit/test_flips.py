import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binomtest

from seewhy.audit.flips import (
    FEWEST_CHANGED,
    NEGLIGIBLE,
    Flips,
    count_flips,
    joined,
)


def counted(before, *versions):
    """`versions` are pairs of values and flips, all as nested lists."""
    after = [np.array(values) for values, _ in versions]
    return count_flips(np.array(before), after, [np.array(flip) for _, flip in versions])


def flips(changed, flipped, *, placebo=(0, 0), varies=None):
    """One row per group; the placebo is the same for every image."""
    changed, flipped = np.array(changed), np.array(flipped)
    images = changed.shape[1]
    return Flips(
        changed=changed,
        flipped=flipped,
        placebo_changed=np.full(images, placebo[0]),
        placebo_flipped=np.full(images, placebo[1]),
        varies=np.full(len(changed), True) if varies is None else np.array(varies),
    )


def test_one_group_alone_counts_for_it_two_for_none_and_no_change_as_placebo():
    before = [[0, 0], [0, 1], [1, 0], [1, 1]]
    found = counted(
        before,
        ([[1, 0], [0, 2], [0, 1], [1, 1]], [True, False, True, True]),
        ([[2, 0], [0, 1], [1, 2], [0, 1]], [False, True, True, False]),
    )
    assert_array_equal(found.changed, [[2, 0, 0, 1], [0, 1, 1, 0]])
    assert_array_equal(found.flipped, [[1, 0, 0, 0], [0, 0, 1, 0]])
    assert_array_equal(found.placebo_changed, [0, 1, 0, 1])
    assert_array_equal(found.placebo_flipped, [0, 1, 0, 1])
    assert_allclose(found.shares, [1 / 3, 1 / 2])
    assert found.placebo == 1.0


def test_without_versions_nothing_is_counted_and_nothing_divided():
    found = counted([[0, 1], [1, 0]])
    assert not found.changed.any()
    assert_array_equal(found.shares, [0, 0])
    assert found.placebo == 0
    assert_array_equal(found.p_values(), [1, 1])


@given(seed=integers(0, 2**16))
def test_counts_agree_with_counting_one_by_one(seed):
    generator = np.random.default_rng(seed)
    before = generator.integers(0, 3, (7, 3))
    after = generator.integers(0, 3, (4, 7, 3))
    flip = generator.random((4, 7)) < 0.5
    found = count_flips(before, list(after), list(flip))
    expected = np.zeros((2, 4, 7), int)
    for version in range(4):
        for image in range(7):
            differs = [g for g in range(3) if after[version, image, g] != before[image, g]]
            if len(differs) < 2:
                row = differs[0] if differs else 3
                expected[:, row, image] += [1, int(flip[version, image])]
    assert_array_equal(found.changed, expected[0, :3])
    assert_array_equal(found.flipped, expected[1, :3])
    assert_array_equal(found.placebo_changed, expected[0, 3])
    assert_array_equal(found.placebo_flipped, expected[1, 3])


@pytest.mark.parametrize(("rare", "varies"), [(0, False), (4, False), (5, True), (50, True)])
def test_a_group_varies_when_a_twentieth_has_another_value(rare, varies):
    values = np.zeros((100, 1), int)
    values[:rare] = 2
    assert count_flips(values, [], []).varies.tolist() == [varies]


def test_a_group_is_measured_when_it_varies_and_changed_often_enough():
    changed = np.ones((3, FEWEST_CHANGED), int)
    changed[1, 0] = 0
    found = flips(changed, np.zeros_like(changed), varies=[True, True, False])
    assert found.measured.tolist() == [True, False, False]
    assert_array_equal(flips(changed, changed, varies=[True, True, False]).p_values()[1:], [1, 1])


@pytest.mark.parametrize("right", [0, 1, 3, 20])
@pytest.mark.parametrize(("placebo", "chance"), [((0, 0), NEGLIGIBLE), ((100, 20), 0.2)])
def test_p_values_are_those_of_the_exact_test(right, placebo, chance):
    changed = np.ones((1, 20), int)
    flipped = (np.arange(20) < right).astype(int)[None]
    expected = binomtest(right, 20, chance, alternative="greater").pvalue
    found = flips(changed, flipped, placebo=placebo)
    assert_allclose(found.p_values(), [expected])


def test_an_image_counts_once_however_often_it_changed():
    once = flips(np.ones((1, 20), int), (np.arange(20) < 6).astype(int)[None])
    often = flips(np.full((1, 20), 8), 8 * (np.arange(20) < 6).astype(int)[None])
    assert_allclose(often.p_values(), once.p_values())
    assert_allclose(often.shares, once.shares)


def test_parts_of_images_are_added_and_rounded_down():
    found = flips(np.full((1, 20), 2), np.ones((1, 20), int))
    expected = binomtest(10, 20, NEGLIGIBLE, alternative="greater").pvalue
    assert_allclose(found.p_values(), [expected])
    less = flips(np.full((1, 20), 3), np.ones((1, 20), int))
    assert_allclose(less.p_values(), [binomtest(6, 20, NEGLIGIBLE, alternative="greater").pvalue])


def test_images_whose_group_never_changed_are_no_trials():
    changed = np.array([[1] * 16 + [0] * 30])
    flipped = np.array([[1] * 4 + [0] * 42])
    expected = binomtest(4, 16, NEGLIGIBLE, alternative="greater").pvalue
    assert_allclose(flips(changed, flipped).p_values(), [expected])


@pytest.mark.parametrize("versions", [1, 3])
@pytest.mark.parametrize("alike", [False, True])
def test_where_nothing_follows_the_group_p_values_are_super_uniform(versions, alike):
    generator = np.random.default_rng(versions)
    values = []
    for _ in range(400):
        draws = generator.random((versions, 40))
        draws = np.broadcast_to(draws[:1], draws.shape) if alike else draws
        flipped = (draws < NEGLIGIBLE).sum(axis=0)[None]
        values.append(flips(np.full((1, 40), versions), flipped).p_values()[0])
    for level in (0.01, 0.05, 0.1, 0.3):
        allowed = level + 3 * np.sqrt(level * (1 - level) / len(values))
        assert np.mean(np.array(values) <= level) <= allowed


def test_a_group_that_decides_is_found():
    generator = np.random.default_rng(0)
    flipped = (generator.random((1, 40)) < 0.6).astype(int)
    assert flips(np.ones((1, 40), int), flipped).p_values()[0] < 1e-10


def test_joining_fills_in_only_groups_that_were_not_measured():
    first = flips([[1] * 20, [1] * 5 + [0] * 15], np.zeros((2, 20), int), placebo=(2, 1))
    second = flips(np.full((2, 20), 3), np.full((2, 20), 2), placebo=(1, 0))
    both = joined(first, second)
    assert_array_equal(both.changed[0], first.changed[0])
    assert_array_equal(both.flipped[0], first.flipped[0])
    assert_array_equal(both.changed[1], first.changed[1] + 3)
    assert_array_equal(both.flipped[1], np.full(20, 2))
    assert both.placebo == pytest.approx(1 / 3)
    assert_array_equal(both.varies, first.varies)
