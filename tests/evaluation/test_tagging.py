import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers
from numpy.testing import assert_array_equal

from seewhy.base.errors import UsageError
from seewhy.evaluation.tagging import tagging_precision

TRUTH = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 0]], dtype=bool)


def slow_precision(scores, truth):
    """Mean over the true images of the precision among all that score at least as high."""
    return np.mean([truth[scores >= scores[row]].mean() for row in np.flatnonzero(truth)])


def test_a_case_by_hand_with_a_class_that_no_image_bears():
    scores = np.array([[0.9, 0.1, 0.5], [0.8, 0.2, 0.5], [0.7, 0.3, 0.5], [0.6, 0.4, 0.5]])
    result = tagging_precision(scores, TRUTH)
    assert result.left_out == 1
    assert_array_equal(result.score.per_example, [(1 + 2 / 3) / 2, np.nan, 0.5])
    assert result.score.value == pytest.approx(((1 + 2 / 3) / 2 + 0.5) / 2)


@settings(max_examples=25)
@given(seed=integers(0, 2**16))
def test_it_is_the_mean_precision_at_the_true_images(seed):
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, 6, (9, 3)).astype(float)
    truth = generator.random((9, 3)) < 0.4
    truth[0] = True
    expected = [slow_precision(*column) for column in zip(scores.T, truth.T, strict=True)]
    assert tagging_precision(scores, truth).score.per_example == pytest.approx(expected)
    rescaled = tagging_precision(np.exp(scores) - 3, truth)
    assert rescaled.score.per_example == pytest.approx(expected)


def test_scores_are_finite_and_something_is_there():
    with pytest.raises(UsageError, match="NaN or infinite"):
        tagging_precision(np.full((4, 3), np.nan), TRUTH)
    with pytest.raises(UsageError, match="no image bears"):
        tagging_precision(np.zeros((4, 3)), np.zeros((4, 3), dtype=bool))
