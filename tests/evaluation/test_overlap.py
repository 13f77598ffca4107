import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers
from numpy.testing import assert_allclose, assert_array_equal

from seewhy.base.errors import UsageError
from seewhy.evaluation.maps import compare
from seewhy.evaluation.overlap import THRESHOLDS, best_threshold_iou, overlap


def drawn(seed):
    generator = np.random.default_rng(seed)
    mask = generator.random((4, 6)) < 0.5
    mask[0, 0] = True
    return compare(generator.random((4, 6)).round(2), mask)


@given(seed=integers(0, 2**16))
def test_counts_are_those_of_binary_masks(seed):
    pair = drawn(seed)
    counts = overlap(pair)
    for number, threshold in enumerate(THRESHOLDS):
        on_map = pair.scores >= threshold
        assert counts.intersections[number] == (on_map & pair.on_mask).sum()
        assert counts.unions[number] == (on_map | pair.on_mask).sum()


def test_a_perfect_map_is_perfect_and_a_constant_one_covers_all_at_zero_alone():
    mask = np.array([[True, False], [False, False]])
    perfect = overlap(compare(mask.astype(float), mask))
    assert_allclose(perfect.intersections / perfect.unions, [0.25] + [1.0] * 100)
    constant = overlap(compare(np.full((2, 2), 0.7), mask))
    assert_allclose(constant.intersections / constant.unions, [0.25] + [0.0] * 100)


def by_hand():
    """Class "a": right at 0.5, and wide at 0.5; class "b": best at 1."""
    first = compare(np.array([[1.0, 0.5, 0.0, 0.0]]), np.array([[True, True, False, False]]))
    second = compare(np.array([[1.0, 0.5, 0.5, 0.0]]), np.array([[True, False, False, False]]))
    return [overlap(first), overlap(second), overlap(second)], ["a", "a", "b"]


def test_one_threshold_serves_all_and_pixels_of_a_class_are_summed_first():
    result = best_threshold_iou(*by_hand())
    # At 0.51 and above: a has 1 + 1 of 2 + 1 pixels, b has 1 of 1.
    assert result.threshold == 0.51
    assert result.class_order == ("a", "b")
    assert_allclose(result.by_class.per_example, [2 / 3, 1])
    assert result.by_class.value == pytest.approx(5 / 6)
    assert_allclose(result.by_example.per_example, [0.5, 1, 1])
    assert_array_equal(result.oracle.per_example, [1, 1, 1])
    assert best_threshold_iou(*by_hand(), by="example").by_example.value == pytest.approx(2.5 / 3)


@given(seed=integers(0, 2**16))
def test_no_other_threshold_is_better_and_the_oracle_is_best(seed):
    overlaps = [overlap(drawn(seed + number)) for number in range(4)]
    classes = [0, 1, 0, 2]
    result = best_threshold_iou(overlaps, classes, by="example")
    means = np.mean([each.intersections / each.unions for each in overlaps], axis=0)
    assert result.by_example.value == pytest.approx(means.max())
    assert result.oracle.value >= result.by_example.value
    by_class = best_threshold_iou(overlaps, classes)
    assert by_class.by_class.value >= result.by_class.value


def test_pairs_and_classes_belong_together():
    overlaps, classes = by_hand()
    for given_overlaps, given_classes in ((overlaps, classes[:1]), ([], [])):
        with pytest.raises(UsageError, match="one class each"):
            best_threshold_iou(given_overlaps, given_classes)
