"""The stored figures are those of pysodmetrics 1.6.2; the file names all versions."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers
from numpy.testing import assert_allclose, assert_array_equal

from seewhy.base.errors import UsageError
from seewhy.evaluation.camouflage import (
    e_measure,
    mean_absolute_error,
    s_measure,
    stretched,
    weighted_f_measure,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "camouflage" / "pysodmetrics.npz"
with np.load(GOLDEN) as _stored:
    STORED = dict(_stored)
ABOUT = json.loads(str(STORED["about"]))


def figures(prediction, mask):
    aligned = e_measure(prediction, mask)
    return [
        s_measure(prediction, mask),
        weighted_f_measure(prediction, mask),
        aligned.mean,
        aligned.maximum,
        mean_absolute_error(prediction, mask),
    ]


def drawn(seed):
    generator = np.random.default_rng(seed)
    mask = generator.random((6, 9)) < 0.4
    mask[2, 3:5] = True, False
    return stretched(generator.random((6, 9))), mask


@pytest.mark.parametrize("name", ABOUT["names"])
def test_figures_are_those_of_the_published_tool(name):
    prediction = stretched(STORED[f"{name}/prediction"])
    found = figures(prediction, STORED[f"{name}/mask"])
    # Where the stretch falls between levels, rounding costs that tool a level of the E-measure.
    loose = 2e-3 if name == "narrow range" else 1e-9
    tolerance = np.array([1e-9, 1e-9, loose, loose, 1e-9])
    assert (np.abs(found - STORED[f"{name}/expected"]) <= tolerance).all()


def test_the_mask_itself_is_perfect():
    _, mask = drawn(0)
    found = figures(mask.astype(float), mask)
    # The E-measure divides by one pixel less, and its lowest threshold takes everything.
    assert_allclose(found[:2], [1, 1])
    assert found[3] == pytest.approx(54 / 53)
    assert found[4] == 0


@given(seed=integers(0, 2**16))
def test_alignment_is_what_a_sum_over_pixels_gives(seed):
    prediction, mask = drawn(seed)
    curve = e_measure(prediction, mask).curve
    for level in (0, 1, 100, 255):
        taken = np.rint(prediction * 255) >= level
        first, second = taken - taken.mean(), mask - mask.mean()
        likeness = 2 * first * second / (first**2 + second**2 + 1e-16)
        assert curve[level] == pytest.approx(((likeness + 1) ** 2 / 4).sum() / 53)


@given(seed=integers(0, 2**16))
def test_a_mirrored_scene_has_the_same_errors(seed):
    prediction, mask = drawn(seed)
    mirrored = prediction[:, ::-1], mask[:, ::-1]
    assert e_measure(*mirrored).mean == pytest.approx(e_measure(prediction, mask).mean)
    assert mean_absolute_error(*mirrored) == pytest.approx(mean_absolute_error(prediction, mask))


def test_a_false_alarm_weighs_more_the_farther_it_is():
    mask = np.zeros((1, 40), dtype=bool)
    mask[0, :5] = True
    found = []
    for place in (10, 20, 39):
        prediction = mask.astype(float)
        prediction[0, place] = 1.0
        found.append(weighted_f_measure(prediction, mask))
        # All of the mask is found, and the error at distance d weighs 2 - 2^(-d / 5).
        wrong = 2 - 2 ** (-(place - 4) / 5)
        precision = 5 / (5 + wrong)
        assert found[-1] == pytest.approx(2 * precision / (1 + precision))
    assert found[0] > found[1] > found[2]
    assert weighted_f_measure(prediction, mask, beta=2.0) > found[2]


def test_one_pixel_beside_the_mask_or_on_it_has_no_deviation():
    mask = np.array([[True, False]])
    assert s_measure(np.array([[1.0, 0.0]]), mask) == pytest.approx(1.0)
    # Of the object: 2 m / (m^2 + 1) with m = 0.5 on both sides.
    half = s_measure(np.array([[0.5, 0.5]]), mask, object_share=1.0)
    assert half == pytest.approx(0.8)


def test_opposite_structure_is_zero_at_worst():
    mask = np.indices((8, 8)).sum(axis=0) % 2 == 0
    assert s_measure((~mask).astype(float), mask) == 0.0
    assert s_measure((~mask).astype(float), mask, object_share=1.0) == pytest.approx(0.0)


def test_stretching_cuts_to_levels_and_keeps_integers():
    assert_allclose(stretched(np.array([[2.0, 3.0, 4.0]])), [[0, 127 / 255, 1]])
    assert_allclose(stretched(np.array([[2, 3, 4]], dtype=np.uint8)), [[0, 0.5, 1]])
    assert_array_equal(stretched(np.full((2, 2), 7.0)), np.zeros((2, 2)))
    levels = np.arange(256).reshape(16, 16)
    assert_array_equal(stretched(levels / 255), levels / 255)


def test_what_cannot_be_measured_is_refused():
    mask = np.array([[True, False]])
    with pytest.raises(UsageError, match="resize the prediction"):
        mean_absolute_error(np.zeros((1, 3)), mask)
    for values in ([[0.0, 1.5]], [[0.0, np.nan]], [[-0.1, 1.0]]):
        with pytest.raises(UsageError, match="from 0 to 1"):
            s_measure(np.array(values), mask)
    with pytest.raises(UsageError, match="NaN or infinite"):
        stretched(np.array([[0.0, np.inf]]))
    with pytest.raises(UsageError, match="at least two pixels"):
        e_measure(np.ones((1, 1)), np.ones((1, 1), dtype=bool))
