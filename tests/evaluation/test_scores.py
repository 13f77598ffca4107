import numpy as np
import pytest
from numpy.testing import assert_array_equal

from seewhy.base.errors import UsageError
from seewhy.evaluation.scores import mean_score


def test_classes_weigh_the_same_and_examples_weigh_the_same():
    values = np.array([0.0, 1.0, 0.5, 0.8])
    classes = ["cat", "cat", "cat", "dog"]
    assert mean_score(values, classes).value == pytest.approx((0.5 + 0.8) / 2)
    assert mean_score(values, classes, by="example").value == pytest.approx(2.3 / 4)


def test_percent_is_a_hundred_times_as_much():
    score = mean_score(np.array([0.25, -0.5]), [1, 2], unit="percent")
    assert (score.value, score.unit) == (-12.5, "percent")
    assert_array_equal(score.per_example, [25.0, -50.0])


@pytest.mark.parametrize("by", ["class", "example"])
def test_undefined_examples_are_left_out_and_kept_in_place(by):
    score = mean_score(np.array([np.nan, 0.4, np.nan]), ["a", "b", "b"], by=by)
    assert score.value == 0.4
    assert_array_equal(score.per_example, [np.nan, 0.4, np.nan])
    assert np.isnan(mean_score(np.array([np.nan]), ["a"], by=by).value)


def test_each_value_needs_a_class():
    with pytest.raises(UsageError, match="2 values came with 1 classes"):
        mean_score(np.array([1.0, 2.0]), ["a"])
