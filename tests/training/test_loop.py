from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.training.loop import Schedule, fit

EXACT = Schedule(steps=60, learning_rate=0.1, weight_decay=0.0, precision=torch.float32)


class Tower(nn.Module):
    """One parameter of each kind that the optimizer treats in its own way."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.conv = nn.Conv2d(2, 2, 3)
        self.norm = nn.BatchNorm1d(2)
        self.token_embedding = nn.Embedding(4, 2)
        self.positional_embedding = nn.Parameter(torch.ones(3, 2))
        self.logit_scale = nn.Parameter(torch.ones([]))


def decayed(schedule):
    """Which parameters shrink when the loss pulls at none of them."""
    tower = Tower()
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.fill_(1.0)
    fit(tower, lambda _: sum(p.sum() for p in tower.parameters()) * 0, schedule)
    return {name for name, p in tower.named_parameters() if not torch.all(p == 1.0)}


def test_only_matrices_and_kernels_decay():
    schedule = Schedule(steps=5, weight_decay=0.5, precision=torch.bfloat16)
    assert decayed(schedule) == {"linear.weight", "conv.weight"}
    assert decayed(replace(schedule, weight_decay=0.0)) == set()


class Blocks(nn.Module):
    """A matrix inside a transformer block, and one outside."""

    def __init__(self):
        super().__init__()
        self.resblocks = nn.ModuleList([nn.Linear(4, 3)])
        self.head = nn.Linear(4, 3)


def test_a_longer_cycle_stops_before_the_rates_fall():
    steps = []
    for cycle in (0, 400):
        module = quadratic([1.0, -2.0])
        fit(module, lambda _, m=module: m.weight.sum(), replace(EXACT, steps=20, cycle=cycle))
        steps.append(module.weight.detach().clone())
    start = quadratic([1.0, -2.0]).weight.detach()
    whole, part = (float((start - weight).sum()) for weight in steps)
    # The short cycle has been at its full rate; the long one is still warming up.
    assert whole > part > 0


def test_matrices_of_blocks_move_by_steps_of_equal_singular_values():
    torch.manual_seed(0)
    tower = Blocks()
    before = tower.resblocks[0].weight.detach().clone()
    pull = torch.randn(3, 4)
    schedule = replace(EXACT, steps=1, learning_rate=1e-3, matrix_rate=0.1)
    fit(tower, lambda _: (tower.resblocks[0].weight * pull).sum(), schedule)
    step = before - tower.resblocks[0].weight
    values = torch.linalg.svdvals(step)
    assert values.max() < 2 * values.min()
    assert (step * pull).sum() > 0


def quadratic(start):
    module = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([start]))
    return module


def test_a_quadratic_is_brought_to_its_minimum():
    module = quadratic([1.0, -2.0])
    goal = torch.tensor([[0.3, 0.4]])
    losses = []
    fit(
        module,
        lambda _: ((module.weight - goal) ** 2).sum(),
        replace(EXACT, steps=200),
        after_step=lambda _, loss: losses.append(loss),
    )
    assert losses[0] == pytest.approx(0.7**2 + 2.4**2)
    assert losses[-1] < 1e-3
    assert_close(module.weight.detach(), goal, atol=0.05, rtol=0)


def test_the_first_step_is_adams_at_the_warm_up_rate():
    module = quadratic([1.0, -2.0])
    schedule = replace(EXACT, steps=1, warmup=0.5)
    fit(module, lambda _: (module.weight**2).sum(), schedule)
    # Adam's first step is the learning rate in the direction of the sign of the gradient; the
    # cycle starts at a 25th of the highest rate.
    step = schedule.learning_rate / 25
    assert_close(module.weight.detach(), torch.tensor([[1.0 - step, -2.0 + step]]))


@pytest.mark.parametrize("steps", [1, 2, 3, 9, 10, 19, 20])
def test_a_schedule_of_any_length_runs_and_warms_up_and_cools_down(steps):
    module, moves = quadratic([50.0, 50.0]), []

    def loss_at(_):
        moves.append(module.weight[0, 0].item())
        return module.weight.sum()

    fit(module, loss_at, replace(EXACT, steps=steps))
    moves.append(module.weight[0, 0].item())
    sizes = [before - after for before, after in pairwise(moves)]
    assert sizes[0] == pytest.approx(EXACT.learning_rate / 25, rel=1e-3)
    peak = sizes.index(max(sizes))
    assert max(sizes) <= EXACT.learning_rate * 1.001
    assert sizes[: peak + 1] == sorted(sizes[: peak + 1])
    assert sizes[peak:] == sorted(sizes[peak:], reverse=True)


def test_every_step_is_asked_for_once_and_told_in_order():
    module, asked, told = quadratic([1.0, 1.0]), [], []

    def loss_at(step):
        asked.append(step)
        assert module.training
        return module.weight.sum()

    fit(module, loss_at, replace(EXACT, steps=4), after_step=lambda step, _: told.append(step))
    assert asked == told == [0, 1, 2, 3]


def test_the_module_is_left_in_evaluation_mode_without_gradients():
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    fit(module, lambda _: module(torch.ones(1, 2)).sum(), replace(EXACT, steps=2))
    assert not any(child.training for child in module.modules())
    assert all(parameter.grad is None for parameter in module.parameters())


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float32])
def test_the_forward_pass_runs_in_the_precision_of_the_schedule(precision):
    module, seen = nn.Linear(2, 2), []

    def loss_at(_):
        output = module(torch.ones(1, 2))
        seen.append(output.dtype)
        return output.float().sum()

    fit(module, loss_at, replace(EXACT, steps=1, precision=precision))
    assert seen == [precision]
    assert module.weight.dtype == torch.float32


def test_large_gradients_are_cut_to_the_norm():
    norms = {}
    for factor in (1.0, 1e6):
        module = quadratic([1.0, 1.0])
        seen = []
        module.weight.register_post_accumulate_grad_hook(lambda p, seen=seen: seen.append(p.grad))
        fit(
            module,
            lambda _, m=module, f=factor: f * (m.weight * torch.tensor([[3.0, 4.0]])).sum(),
            replace(EXACT, steps=1, clip_norm=0.5),
        )
        norms[factor] = seen[0].norm().item()
    assert norms == {1.0: pytest.approx(0.5, rel=1e-4), 1e6: pytest.approx(0.5, rel=1e-4)}


def test_a_loss_that_is_not_finite_ends_the_training():
    module = quadratic([1.0, 1.0])
    losses = [1.0, 1.0, float("nan")]
    with pytest.raises(
        UsageError, match=r"the loss is nan at step 2: lower the learning rate \(0\.1"
    ):
        fit(module, lambda step: module.weight.sum() * losses[step], EXACT)
    assert module.weight.isfinite().all()


def test_training_twice_gives_the_same_weights():
    results = []
    for _ in range(2):
        module = quadratic([1.0, -1.0])
        generator = torch.Generator().manual_seed(0)
        fit(
            module,
            lambda _, m=module, g=generator: m(torch.randn(4, 2, generator=g)).square().mean(),
            Schedule(steps=5),
        )
        results.append(module.weight.detach())
    assert torch.equal(*results)


def test_a_bar_is_drawn_only_when_asked_for(capsys):
    for progress in (False, True):
        module = quadratic([1.0, 1.0])
        fit(module, lambda _, m=module: m.weight.sum(), replace(EXACT, steps=1), progress=progress)
    assert capsys.readouterr().out == ""
