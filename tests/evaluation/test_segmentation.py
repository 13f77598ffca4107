import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.strategies import integers
from numpy.testing import assert_allclose, assert_array_equal

from seewhy.base.errors import DataError, UsageError
from seewhy.evaluation.segmentation import (
    Confusion,
    mean_accuracy,
    mean_iou,
    pixel_accuracy,
    predicted_labels,
)

TRUTH = np.array([[0, 0, 1, 255], [0, 1, 1, 255]])
GUESSED = np.array([[0, 1, 1, 3], [0, 1, 2, 0]])


def test_a_case_by_hand():
    confusion = Confusion.empty(4).seen(GUESSED, TRUTH)
    assert_array_equal(confusion.counts, [[2, 1, 0, 0], [0, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    # Class 2 is only predicted, class 3 only where nothing counts.
    assert_allclose(mean_iou(confusion).per_example, [2 / 3, 2 / 4, 0, np.nan])
    assert mean_iou(confusion).value == pytest.approx((2 / 3 + 1 / 2) / 3)
    assert_allclose(mean_accuracy(confusion).per_example, [2 / 3, 2 / 3, np.nan, np.nan])
    assert mean_accuracy(confusion).value == pytest.approx(2 / 3)
    assert pixel_accuracy(confusion) == pytest.approx(4 / 6)


@given(seed=integers(0, 2**16))
def test_images_one_by_one_merged_and_at_once_are_the_same(seed):
    generator = np.random.default_rng(seed)
    truth, guessed = generator.integers(0, 5, (2, 6, 8))
    rows = Confusion.empty(5)
    for true_row, guessed_row in zip(truth, guessed, strict=True):
        rows = rows.seen(guessed_row[None], true_row[None])
    whole = Confusion.empty(5).seen(guessed, truth)
    halves = Confusion.empty(5).seen(guessed[:2], truth[:2]) + Confusion.empty(5).seen(
        guessed[2:], truth[2:]
    )
    assert_array_equal(rows.counts, whole.counts)
    assert_array_equal(halves.counts, whole.counts)
    for label, iou in enumerate(mean_iou(whole).per_example):
        on_either = (truth == label) | (guessed == label)
        on_both = (truth == label) & (guessed == label)
        assert iou == pytest.approx(on_both.sum() / on_either.sum())


def test_small_kinds_of_integers_do_not_wrap_round():
    truth = np.full((1, 1), 149, dtype=np.uint8)
    confusion = Confusion.empty(150).seen(truth, truth)
    assert confusion.counts[149, 149] == confusion.counts.sum() == 1


def test_without_pixels_nothing_is_defined():
    nothing = Confusion.empty(2).seen(np.zeros((1, 1), int), np.full((1, 1), 255))
    assert np.isnan([mean_iou(nothing).value, mean_accuracy(nothing).value]).all()
    assert np.isnan(pixel_accuracy(nothing))


def test_labels_that_are_no_class_are_refused():
    confusion = Confusion.empty(2)
    with pytest.raises(DataError, match=r"\[255\] are none of 0..1") as caught:
        confusion.seen(np.zeros((2, 4), int), TRUTH, ignore=None)
    assert caught.value.code == "bad_label"
    with pytest.raises(UsageError, match=r"predicted labels \[2\]"):
        confusion.seen(GUESSED, TRUTH)
    with pytest.raises(UsageError, match="predict at its size"):
        confusion.seen(GUESSED[:1], TRUTH)
    with pytest.raises(UsageError, match="at least one class"):
        Confusion.empty(0)
    with pytest.raises(UsageError, match="2 and of 3 classes"):
        confusion + Confusion.empty(3)


def test_scores_are_resized_before_the_choice():
    scores = torch.tensor([[[1.0, 0.0]], [[0.0, 3.0]]])
    # The difference runs 1, 0, -2, -3 over the four pixels; the second is a tie.
    assert predicted_labels(scores, (1, 4)).tolist() == [[0, 0, 1, 1]]
    assert predicted_labels(scores, (2, 2)).tolist() == [[0, 1], [0, 1]]


@given(seed=integers(0, 2**16), at_once=integers(1, 2000))
def test_the_choice_is_the_same_however_many_scores_are_in_memory(seed, at_once):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(7, 3, 5, generator=generator).round()
    resized = torch.nn.functional.interpolate(scores[None], (11, 13), mode="bilinear")[0]
    chunked = predicted_labels(scores, (11, 13), at_once=at_once)
    assert torch.equal(chunked, resized.max(dim=0).indices)


def test_the_memory_for_resized_scores_is_bounded(monkeypatch):
    seen = []
    interpolate = torch.nn.functional.interpolate

    def watched(chunk, size, **options):
        resized = interpolate(chunk, size, **options)
        seen.append(resized.numel())
        return resized

    monkeypatch.setattr(torch.nn.functional, "interpolate", watched)
    predicted_labels(torch.rand(50, 4, 4), (40, 60), at_once=6000)
    assert max(seen) <= 6000
    assert sum(seen) == 50 * 40 * 60
