import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers
from numpy.testing import assert_allclose, assert_array_equal

from seewhy.base.errors import DataError, UsageError
from seewhy.data.segmentation.records import LabelMap
from seewhy.evaluation.maps import (
    compare,
    compare_label,
    energy_on_mask,
    pixel_auroc,
    pixel_average_precision,
    pointing_game,
    score_contrast,
)

METRICS = [score_contrast, pointing_game, energy_on_mask, pixel_average_precision, pixel_auroc]
MASK = np.array([[True, True, False], [False, False, False]])
VALUES = np.array([[4.0, 2.0, 0.0], [1.0, 1.0, 2.0]])


def drawn(seed):
    generator = np.random.default_rng(seed)
    mask = generator.random((5, 7)) < 0.4
    mask[0, :2] = True, False
    return generator.normal(size=(5, 7)), mask


def test_a_case_by_hand():
    pair = compare(VALUES, MASK)
    assert_array_equal(pair.scores, [1, 0.5, 0, 0.25, 0.25, 0.5])
    assert score_contrast(pair) == pytest.approx(0.75 - 0.25)
    assert pointing_game(pair) == 1.0
    assert energy_on_mask(pair) == pytest.approx(1.5 / 2.5)
    # The second pixel of the mask ties with one beside it: precision 2/3 at recall 1.
    assert pixel_average_precision(pair) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert pixel_auroc(pair) == pytest.approx((4 + 3.5) / 8)


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=25)
@given(seed=integers(0, 2**16))
def test_scale_and_offset_of_the_map_change_nothing(metric, seed):
    values, mask = drawn(seed)
    figure = metric(compare(values, mask))
    assert metric(compare(values * 8 - 3, mask)) == pytest.approx(figure, abs=1e-9)


@pytest.mark.parametrize("metric", [score_contrast, pixel_auroc])
@settings(max_examples=25)
@given(seed=integers(0, 2**16))
def test_the_opposite_map_has_the_opposite_contrast_and_area(metric, seed):
    values, mask = drawn(seed)
    chance = {score_contrast: 0.0, pixel_auroc: 0.5}[metric]
    figure, opposite = metric(compare(values, mask)), metric(compare(-values, mask))
    assert figure - chance == pytest.approx(chance - opposite, abs=1e-9)


@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=25)
@given(seed=integers(0, 2**16))
def test_pixels_not_looked_at_count_as_little_as_pixels_cut_off(metric, seed):
    values, mask = drawn(seed)
    blind = np.vstack([values, np.full((2, 7), np.nan)])
    wider = np.vstack([mask, np.ones((2, 7), dtype=bool)])
    assert metric(compare(blind, wider)) == metric(compare(values, mask))


@pytest.mark.parametrize("metric", METRICS)
def test_what_the_mask_itself_would_score_is_the_best(metric):
    _, mask = drawn(0)
    assert metric(compare(mask.astype(float), mask)) == 1.0


@pytest.mark.parametrize(
    ("metric", "figure"), [*zip(METRICS, [0, 1 / 3, 1 / 3, 1 / 3, 0.5], strict=True)]
)
@pytest.mark.parametrize("value", [0.0, 5.0, -1e300])
def test_a_constant_map_scores_as_chance_does(metric, figure, value):
    assert metric(compare(np.full((2, 3), value), MASK)) == pytest.approx(figure)


def test_ignored_pixels_count_nowhere_but_set_the_scale():
    labels = np.array([[3, 3, 255], [0, 255, 255]])
    values = np.array([[4.0, 2.0, 10.0], [1.0, 0.0, 9.0]])
    pair = compare_label(values, labels, label=3)
    assert_allclose(pair.scores, [0.4, 0.2, 0.1])
    assert_array_equal(pair.on_mask, [True, True, False])
    everything = compare_label(values, labels, label=3, ignore=None)
    assert len(everything.scores) == 6


def test_extreme_values_do_not_overflow():
    largest = np.finfo(np.float64).max
    pair = compare(np.array([[-largest, 0.0, largest]]), np.array([[False, False, True]]))
    assert_allclose(pair.scores, [0, 0.5, 1])


@pytest.mark.parametrize(
    ("values", "mask"),
    [
        (VALUES, np.zeros((2, 3), dtype=bool)),
        (np.full((2, 3), np.nan), MASK),
        (np.where(MASK, np.nan, VALUES), MASK),
    ],
)
def test_a_mask_without_a_pixel_that_counts_is_refused(values, mask):
    with pytest.raises(DataError, match="leave this label out") as caught:
        compare(values, mask)
    assert caught.value.code == "empty_mask"


@pytest.mark.parametrize("metric", [score_contrast, pixel_auroc])
def test_a_mask_with_nothing_beside_it_has_no_contrast(metric):
    pair = compare(VALUES, np.ones((2, 3), dtype=bool))
    with pytest.raises(DataError) as caught:
        metric(pair)
    assert caught.value.code == "full_mask"
    assert pointing_game(pair) == energy_on_mask(pair) == pixel_average_precision(pair) == 1.0


def test_shapes_agree_and_values_are_finite():
    with pytest.raises(UsageError, match="resize the map"):
        compare(VALUES, MASK[:1])
    with pytest.raises(UsageError, match="resize the map"):
        compare(VALUES, MASK, counted=MASK[:, :1])
    with pytest.raises(UsageError, match="infinite"):
        compare(np.where(MASK, np.inf, VALUES), MASK)


def test_the_truth_of_a_data_set_is_compared_as_it_is():
    truth = LabelMap(np.array([[0, 7], [255, 0]], dtype=np.uint8), background=0)
    values = np.array([[0.25, 0.5], [1.0, 0.0]])
    (label,) = truth.present
    pair = compare(values, truth.mask(label), counted=truth.counted)
    assert score_contrast(pair) == 0.5 - 0.125
    by_label = compare_label(values, truth.labels, label=label)
    assert_array_equal(pair.scores, by_label.scores)
    assert_array_equal(pair.on_mask, by_label.on_mask)
