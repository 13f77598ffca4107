from math import exp, log

import pytest
import torch
from hypothesis import given
from hypothesis.strategies import floats, integers
from torch.testing import assert_close

from seewhy.training.losses import grouped_loss, multi_positive_loss


def random_case(seed, images=5, texts=7):
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(images, texts, generator=generator, dtype=torch.float64)
    return logits, torch.rand(images, texts, generator=generator) < 0.4


def slow_one_way(logits, is_true):
    """Mean over rows of the mean surprise at each positive among the negatives of its row."""
    rows = []
    for scores, truth in zip(logits.tolist(), is_true.tolist(), strict=True):
        negatives = sum(exp(s) for s, true in zip(scores, truth, strict=True) if not true)
        surprises = [
            -log(exp(score) / (exp(score) + negatives))
            for score, true in zip(scores, truth, strict=True)
            if true
        ]
        if surprises:
            rows.append(sum(surprises) / len(surprises))
    return sum(rows) / max(len(rows), 1)


@given(seed=integers(0, 2**16))
def test_the_contrastive_loss_is_its_slow_derivation(seed):
    logits, is_true = random_case(seed)
    expected = (slow_one_way(logits, is_true) + slow_one_way(logits.T, is_true.T)) / 2
    assert_close(multi_positive_loss(logits, is_true), torch.tensor(expected).double())


def test_with_one_positive_each_it_is_the_loss_of_clip():
    logits, _ = random_case(0, images=6, texts=6)
    pairs = torch.arange(6)
    clip = (
        torch.nn.functional.cross_entropy(logits, pairs)
        + torch.nn.functional.cross_entropy(logits.T, pairs)
    ) / 2
    assert_close(multi_positive_loss(logits, torch.eye(6, dtype=torch.bool)), clip)


@given(seed=integers(0, 2**16), shift=floats(-5, 5))
def test_it_does_not_care_for_a_common_shift_or_the_side_that_is_called_images(seed, shift):
    logits, is_true = random_case(seed)
    loss = multi_positive_loss(logits, is_true)
    assert_close(multi_positive_loss(logits + shift, is_true), loss)
    assert_close(multi_positive_loss(logits.T, is_true.T), loss)


@given(seed=integers(0, 2**16))
def test_positives_do_not_compete_with_each_other(seed):
    logits, is_true = random_case(seed)
    is_true[0, :2] = True
    logits.requires_grad_()
    (gradient,) = torch.autograd.grad(multi_positive_loss(logits, is_true), logits)
    assert (gradient[is_true] <= 0).all()
    assert (gradient[~is_true] >= 0).all()


@pytest.mark.parametrize("truth", [torch.zeros(3, 4), torch.ones(3, 4)])
def test_without_negatives_or_positives_loss_and_gradient_are_zero(truth):
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = multi_positive_loss(logits, truth.bool())
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert_close(logits.grad, torch.zeros(3, 4))


def test_rows_and_columns_without_a_positive_count_only_as_negatives():
    logits = torch.tensor([[1.0, 0.0], [2.0, 3.0]])
    is_true = torch.tensor([[True, False], [False, False]])
    image, text = log(1 + exp(0 - 1)), log(1 + exp(2 - 1))
    assert multi_positive_loss(logits, is_true).item() == pytest.approx((image + text) / 2)


def slow_grouped(logits, is_true, sizes):
    start, groups = 0, []
    for size in sizes:
        images = []
        for scores, truth in zip(
            logits[:, start : start + size].tolist(),
            is_true[:, start : start + size].tolist(),
            strict=True,
        ):
            whole = sum(map(exp, scores))
            terms = [-log(exp(s) / whole) for s, true in zip(scores, truth, strict=True) if true]
            if terms:
                images.append(sum(terms) / len(terms))
        groups.append(sum(images) / max(len(images), 1))
        start += size
    return sum(groups) / len(groups)


@given(seed=integers(0, 2**16))
def test_the_grouped_loss_is_its_slow_derivation(seed):
    logits, is_true = random_case(seed)
    expected = slow_grouped(logits, is_true, (3, 2, 2))
    assert_close(grouped_loss(logits, is_true, (3, 2, 2)), torch.tensor(expected).double())


def test_with_one_true_value_it_is_the_cross_entropy():
    logits, _ = random_case(1, images=4, texts=3)
    labels = torch.tensor([0, 2, 1, 2])
    is_true = torch.nn.functional.one_hot(labels, 3).bool()
    assert_close(
        grouped_loss(logits, is_true, [3]), torch.nn.functional.cross_entropy(logits, labels)
    )


@given(seed=integers(0, 2**16), shift=floats(-5, 5))
def test_groups_do_not_compete_with_each_other(seed, shift):
    logits, is_true = random_case(seed)
    moved = logits + torch.tensor([shift] * 3 + [0.0] * 4)
    assert_close(grouped_loss(moved, is_true, (3, 4)), grouped_loss(logits, is_true, (3, 4)))


def test_equal_scores_cost_the_logarithm_of_the_number_of_values():
    is_true = torch.tensor([[True, False, True, False, False]])
    loss = grouped_loss(torch.zeros(1, 5), is_true, (2, 3))
    assert loss.item() == pytest.approx((log(2) + log(3)) / 2)


def test_an_image_without_a_true_value_gives_no_gradient():
    logits = torch.zeros(2, 3, requires_grad=True)
    is_true = torch.tensor([[False, True, False], [False, False, False]])
    grouped_loss(logits, is_true, [3]).backward()
    assert_close(logits.grad, torch.tensor([[1 / 3, -2 / 3, 1 / 3], [0.0, 0.0, 0.0]]))


def test_group_sizes_must_cover_all_texts():
    logits, is_true = random_case(2)
    with pytest.raises(RuntimeError, match="split"):
        grouped_loss(logits, is_true, (3, 3))


def test_groups_count_by_their_weights():
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    is_true = torch.zeros(5, 7, dtype=torch.bool)
    is_true[:, [1, 5]] = True
    first = grouped_loss(logits[:, :3], is_true[:, :3], [3])
    second = grouped_loss(logits[:, 3:], is_true[:, 3:], [4])
    assert_close(grouped_loss(logits, is_true, [3, 4]), (first + second) / 2)
    weighted = grouped_loss(logits, is_true, [3, 4], weights=[3.0, 1.0])
    assert_close(weighted, (3 * first + second) / 4)
