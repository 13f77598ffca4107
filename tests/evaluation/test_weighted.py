import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers
from sklearn.metrics import average_precision_score

from seewhy.evaluation.overlap import Overlap, best_threshold_iou
from seewhy.evaluation.scores import mean_score
from seewhy.evaluation.segmentation import Confusion, mean_accuracy, mean_iou, pixel_accuracy
from seewhy.evaluation.weighted import (
    ClassIou,
    ClassMeans,
    Joined,
    LabelIou,
    Pairs,
    RowMeans,
    TagPrecision,
    intervals,
    resampled,
)

IMAGES, CLASSES = 7, 4


def random_pairs(seed):
    generator = np.random.default_rng(seed)
    count = int(generator.integers(1, 20))
    owner = np.sort(generator.integers(IMAGES, size=count))
    pairs = Pairs(owner, generator.integers(CLASSES, size=count), CLASSES)
    values = generator.random(count)
    values[generator.random(count) < 0.2] = np.nan
    return generator, pairs, values


def repeated(weights, owner):
    """The rows of a data set in which each image really is there so often."""
    return np.repeat(np.arange(len(owner)), weights[owner])


@given(seed=integers(0, 2**16))
def test_weights_stand_for_repeated_images(seed):
    generator, pairs, values = random_pairs(seed)
    weights = generator.integers(0, 3, size=IMAGES)
    rows = repeated(weights, pairs.owner)
    means = Joined((ClassMeans(pairs, {"a": values}), RowMeans(pairs.owner, {"b": values})))
    expected = [
        mean_score(values[rows], pairs.codes[rows].tolist(), by=by).value
        for by in ("class", "example")
    ]
    np.testing.assert_allclose(means(weights), expected)
    assert means.names == ("a", "b")


@given(seed=integers(0, 2**16))
def test_iou_sums_pixels_within_classes(seed):
    generator, pairs, _ = random_pairs(seed)
    unions = generator.integers(1, 50, size=len(pairs.codes))
    inside = generator.integers(0, unions + 1)
    flat = [
        Overlap(np.full(101, part), np.full(101, whole))
        for part, whole in zip(inside, unions, strict=True)
    ]
    expected = best_threshold_iou(flat, pairs.codes.tolist()).by_class.value
    found = ClassIou(pairs, inside, unions)(np.ones(IMAGES, dtype=int))
    np.testing.assert_allclose(found, [expected])


@given(seed=integers(0, 2**16))
def test_segmentation_agrees_with_the_confusion_of_all_pixels(seed):
    generator = np.random.default_rng(seed)
    weights = generator.integers(0, 3, size=3)
    confusion = Confusion.empty(CLASSES)
    counts = {"right": [], "true": [], "predicted": []}
    for weight in weights:
        truth, guess = generator.integers(0, CLASSES, size=(2, 3, 5))
        own = Confusion.empty(CLASSES).seen(guess, truth).counts
        for name, count in zip(counts, (own.diagonal(), own.sum(1), own.sum(0)), strict=True):
            counts[name].append(count)
        for _ in range(weight):
            confusion += Confusion(own)
    found = LabelIou(**{name: np.stack(each) for name, each in counts.items()})
    expected = [mean_iou(confusion).value, mean_accuracy(confusion).value]
    np.testing.assert_allclose(found(weights), [*expected, pixel_accuracy(confusion)])
    by_class = found.by_class(weights)
    np.testing.assert_allclose(by_class["mIoU"], mean_iou(confusion).per_example)


@given(seed=integers(0, 2**16))
def test_weighted_average_precision_is_that_of_repeated_images(seed):
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, 5, size=(12, CLASSES)) / 4.0
    tags = generator.random((12, CLASSES)) < 0.4
    weights = generator.integers(0, 3, size=12)
    rows = np.repeat(np.arange(12), weights)
    expected = [
        average_precision_score(tags[rows, each], scores[rows, each])
        if tags[rows, each].any()
        else np.nan
        for each in range(CLASSES)
    ]
    found = TagPrecision(scores, tags)
    np.testing.assert_allclose(found.by_class(weights)["mAP"], expected)
    if not np.isnan(expected).all():
        np.testing.assert_allclose(found(weights), [np.nanmean(expected)])


def test_intervals_of_a_mean_are_those_of_theory():
    values = np.random.default_rng(0).normal(5, 2, size=400)
    statistic = RowMeans(np.arange(400), {"mean": values})
    found = intervals(statistic, 400, resamples=600, seed=0)["mean"]
    assert found.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.03)
    assert found.high == pytest.approx(values.mean() + half, abs=0.03)


def test_resamples_draw_as_many_as_there_are_and_depend_on_the_seed_alone():
    first, again = (list(resampled(9, resamples=5, seed=3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert all(weights.sum() == 9 for weights in first)
    more = list(resampled(9, resamples=6, seed=3))
    np.testing.assert_array_equal(more[:5], first)
    assert (np.array(list(resampled(9, resamples=5, seed=4))) != first).any()


def test_what_is_not_defined_has_neither_value_nor_interval():
    statistic = RowMeans(np.arange(2), {"none": np.full(2, np.nan), "one": np.array([1.0, np.nan])})
    found = intervals(statistic, 2, resamples=50, seed=0)
    assert np.isnan([found["none"].value, found["none"].low]).all()
    assert (found["one"].value, found["one"].low, found["one"].high) == (1, 1, 1)
