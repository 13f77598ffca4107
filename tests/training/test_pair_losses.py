import math

import pytest
import torch
from tests.models.ssl.golden import TOLERANCE, arrays, distance, tensor
from torch.nn import functional
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.training.pair_losses import (
    contrastive_loss,
    distillation_loss,
    predictor_loss,
    redundancy_loss,
    teacher_temperatures,
)


def views(pairs=5, width=4, seed=0):
    chance = torch.Generator().manual_seed(seed)
    return torch.randn(2, pairs, width, generator=chance, dtype=torch.float64)


def test_the_contrastive_loss_is_that_of_its_definition():
    """Partner against all others but itself, one view after the other, by hand."""
    first, second = views()
    both = functional.normalize(torch.cat([first, second]), dim=1)
    total = 0.0
    for here in range(10):
        partner = (here + 5) % 10
        scores = {k: math.exp(float(both[here] @ both[k]) / 0.2) for k in range(10) if k != here}
        total -= math.log(scores[partner] / sum(scores.values()))
    found = contrastive_loss(first, second, temperature=0.2)
    assert_close(float(found), total / 10)


def test_the_contrastive_loss_knows_no_order_and_no_length():
    first, second = views()
    order = torch.tensor([3, 1, 4, 0, 2])
    expected = contrastive_loss(first, second)
    assert_close(contrastive_loss(second, first), expected)
    assert_close(contrastive_loss(3 * first[order], second[order] / 7), expected)


def test_of_two_equal_pairs_nothing_can_be_told():
    same = torch.ones(2, 3)
    assert_close(float(contrastive_loss(same, same)), math.log(3))


def test_the_redundancy_loss_divides_by_the_number_of_pairs():
    first, second = tensor("barlow_z1"), tensor("barlow_z2")
    off = 0.0051
    a, b = ((z - z.mean(0)) / (z.var(0, correction=0) + 1e-5).sqrt() for z in (first, second))
    products = a.T @ b

    def by_hand(correlation):
        size = range(len(correlation))
        return sum(
            float(correlation[i, j] - 1) ** 2 if i == j else off * float(correlation[i, j]) ** 2
            for i in size
            for j in size
        )

    assert_close(float(redundancy_loss(first, second)), by_hand(products / 8))
    # The published copy forgets the division, which we would notice if we did too.
    copied = float(arrays()["barlow_loss_copy_trainmode"])
    assert abs(by_hand(products) / copied - 1) < TOLERANCE


def test_uncorrelated_channels_that_agree_have_no_redundancy():
    square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert float(redundancy_loss(square, 5 * square)) < 1e-6
    assert_close(float(redundancy_loss(square, -square)), 8.0, rtol=1e-4, atol=0.0)
    assert_close(
        float(redundancy_loss(square, square.flip(1), off_diagonal=0.5)), 3.0, rtol=1e-4, atol=0.0
    )
    with pytest.raises(UsageError, match="give two pairs"):
        redundancy_loss(square[:1], square[:1])


def test_predictions_that_point_the_same_way_are_perfect_and_targets_get_no_gradient():
    p1, p2, z1, z2 = (views(seed=seed)[0].requires_grad_() for seed in range(4))
    assert_close(predictor_loss((2 * z2, 3 * z1), (z1, z2)).item(), -1.0)
    loss = predictor_loss((p1, p2), (z1, z2))
    cosine = functional.cosine_similarity
    assert_close(loss, -(cosine(p1, z2) + cosine(p2, z1)).mean() / 2)
    loss.backward()
    assert p1.grad is not None
    assert z1.grad is None


def test_the_distillation_loss_is_the_published_one():
    student = tensor("dinohead_out")
    temperatures = teacher_temperatures(0.04, 0.07, warmup_epochs=3, epochs=10)
    assert_close(list(temperatures), arrays()["dinoloss_schedule"].tolist())
    loss = distillation_loss(
        student,
        student.flip(0),
        centre=tensor("dinoloss_center"),
        teacher_temperature=temperatures[-1],
    )
    assert distance(loss, tensor("dinoloss")) < TOLERANCE


def test_a_student_of_the_same_opinion_has_only_the_teachers_doubt_left():
    teacher = views()[0]
    centre = torch.zeros(1, 4, dtype=torch.float64)
    found = distillation_loss(
        teacher, teacher, centre=centre, teacher_temperature=0.5, student_temperature=0.5
    )
    shares = (teacher / 0.5).softmax(dim=1)
    assert_close(found, -(shares * shares.log()).sum(dim=1).mean())
    assert teacher_temperatures(0.1, 0.2, warmup_epochs=2, epochs=1) == (0.1,)
