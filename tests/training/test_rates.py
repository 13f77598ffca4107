import pytest
import torch
from tests.training.narration.small import small_narrator
from torch.testing import assert_close

from seewhy.training.rates import Rates, optimiser, rate_at


def scheduled(make, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def test_linear_falls_from_the_first_step_to_nothing_behind_the_last():
    rates = Rates(1.0)
    assert [rate_at(step, 4, rates) for step in range(5)] == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_linear_with_warmup_rises_first():
    rates = Rates(1.0, warmup=0.5)
    found = [rate_at(step, 8, rates) for step in range(8)]
    assert found == [0.2, 0.4, 0.6, 0.8, 1.0, 0.75, 0.5, 0.25]


def test_one_cycle_is_that_of_pytorch():
    steps, warmup = 40, 0.25

    def make(optimizer):
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=1.0,
            total_steps=steps + 1,
            pct_start=(warmup * steps + 1) / (steps + 1),
        )

    rates = Rates(1.0, "one-cycle", warmup=warmup)
    found = [rate_at(step, steps, rates) for step in range(steps)]
    assert_close(found, scheduled(make, steps), atol=1e-6, rtol=0)


def test_only_matrices_decay_and_all_that_is_trained_is_in_one_group():
    narrator = small_narrator()
    for parameter in narrator.tower.parameters():
        parameter.requires_grad_(False)
    decayed, free = optimiser(narrator, Rates(0.1, weight_decay=0.5)).param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.5, 0.0)
    names = {id(each): name for name, each in narrator.named_parameters()}
    told = [sorted(names[id(each)] for each in group["params"]) for group in (decayed, free)]
    assert "decoder.transformer.h.0.attn.c_attn.weight" in told[0]
    assert {"decoder.transformer.wte.weight", "decoder.transformer.wpe.weight"} <= {*told[1]}
    assert all(name.endswith("weight") for name in told[0])
    assert sorted([*told[0], *told[1]]) == sorted(
        name for name in names.values() if not name.startswith("tower.")
    )


def test_a_rate_of_nothing_is_possible_with_one_step():
    assert rate_at(0, 1, Rates(1.0)) == 1.0
    assert rate_at(0, 1, Rates(1.0, "one-cycle", warmup=0.1)) == pytest.approx(1 / 25)


def test_a_falling_rate_depends_on_its_falls_alone():
    rates = Rates(1.0, "falling", factor=0.5)
    assert [rate_at(step, 9, rates, falls=falls) for step in (0, 8) for falls in (0, 1, 3)] == [
        *(1.0, 0.5, 0.125),
        *(1.0, 0.5, 0.125),
    ]
