from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.narration.small import drawn_examples, small_narrator
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.narration.batches import training_batch
from seewhy.training.narration.batches import BatchMaker, NarrationBatch
from seewhy.training.narration.examples import ExampleMaker
from seewhy.training.narration.loop import (
    Learner,
    Plan,
    Stepper,
    batch_numbers,
    fit_narrator,
)
from seewhy.training.narration.presets import LossWeights
from seewhy.training.rates import Rates, optimiser
from seewhy.training.runtime import Runtime
from seewhy.training.steps import step_seed

HERE = Runtime(torch.device("cpu"))
PLAN = Plan(4, Rates(0.05, weight_decay=0.1), LossWeights())


@pytest.fixture(scope="module")
def maker():
    narrator = small_narrator()
    return BatchMaker(narrator.tokenizer, narrator.config.preprocessing)


@pytest.fixture(scope="module")
def examples():
    return drawn_examples(ExampleMaker(small_narrator().rows)).batch(0)


def stepper(plan=PLAN, *, narrator=None, runtime=HERE):
    narrator = narrator or small_narrator()
    return Stepper(Learner(narrator), optimiser(narrator, plan.rates), plan, runtime)


def without_chance(found):
    """Norms over a batch know the batch, and dropout its places: neither is used."""
    found.module.eval()
    return found


@pytest.mark.parametrize("by", ["tokens", "parts"])
def test_a_step_of_several_passes_is_that_of_one(maker, examples, by):
    plan = replace(PLAN, loss=LossWeights(by, lead=0.5))
    whole, parts = without_chance(stepper(plan)), without_chance(stepper(plan))
    first = whole.step(0, [maker.batch(examples)])
    second = parts.step(0, [maker.batch(examples[:5]), maker.batch(examples[5:])])
    assert_close(first.loss, second.loss, rtol=1e-4, atol=0)
    assert first.parts.keys() == second.parts.keys()
    for name, loss in first.parts.items():
        assert_close(loss, second.parts[name], rtol=1e-4, atol=0)
    assert_close(whole.module.state_dict(), parts.module.state_dict(), rtol=1e-3, atol=1e-4)


def test_a_step_is_that_of_adamw_on_the_mean_loss(maker, examples):
    found = without_chance(stepper(replace(PLAN, rates=replace(PLAN.rates, clip_norm=0.0))))
    other = small_narrator().eval()
    batch = maker.batch(examples)
    done = found.step(0, [batch])
    logits = other(batch.rows, other.image_tokens(batch.images))[:, :-1]
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), batch.rows.labels[:, 1:].flatten()
    )
    torch.autograd.backward(loss)
    optimiser(other, PLAN.rates).step()
    assert_close(done.loss, loss.item(), rtol=1e-4, atol=0)
    assert_close(found.module.narrator.state_dict(), other.state_dict(), rtol=1e-3, atol=1e-4)


def test_gradients_are_clipped(maker, examples):
    plan = replace(PLAN, rates=replace(PLAN.rates, clip_norm=1e-3))
    found = stepper(plan)
    found.step(0, [maker.batch(examples)])
    squares = [
        each.grad.square().sum() for each in found.module.parameters() if each.grad is not None
    ]
    assert torch.stack(squares).sum().sqrt() <= 1.001e-3


def test_bfloat16_computes_nearly_the_same_and_keeps_full_weights(maker, examples):
    full = without_chance(stepper()).step(0, [maker.batch(examples)])
    half = without_chance(stepper(replace(PLAN, precision="bf16")))
    done = half.step(0, [maker.batch(examples)])
    assert done.loss != full.loss
    assert_close(done.loss, full.loss, rtol=2e-2, atol=0)
    assert {each.dtype for each in half.module.parameters()} == {torch.float32}
    assert {each.grad.dtype for each in half.module.parameters() if each.grad is not None} == {
        torch.float32
    }


def test_a_frozen_tower_is_left_as_it_is_and_its_tokens_may_be_given(maker, examples):
    narrator = small_narrator()
    for parameter in narrator.tower.parameters():
        parameter.requires_grad_(False)
    before = {name: value.clone() for name, value in narrator.tower.state_dict().items()}
    found = stepper(narrator=narrator)
    found.module.train()
    assert (narrator.training, narrator.tower.training) == (True, False)
    batch = maker.batch(examples)
    stored = NarrationBatch(batch.rows, batch.parts, narrator.tower(batch.images))
    without_chance(found)
    assert_close(found.module(stored), found.module(batch))
    found.step(0, [batch])
    assert_close(narrator.tower.state_dict(), before, rtol=0, atol=0)


@settings(max_examples=40)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 4), st.data())
def test_processes_share_the_batches_of_a_step(steps, accumulate, processes, data):
    first = data.draw(st.integers(0, steps))
    plan = Plan(steps, Rates(1.0), LossWeights(), accumulate)
    taken = [
        list(batch_numbers(plan, Runtime(HERE.device, rank, processes), first=first))
        for rank in range(processes)
    ]
    assert {len(each) for each in taken} == {(steps - first) * accumulate}
    size = accumulate * processes
    assert sorted(number for each in taken for number in each) == list(
        range(first * size, steps * size)
    )
    for step in range(first, steps):
        of_step = [
            number
            for each in taken
            for number in each[(step - first) * accumulate : (step - first + 1) * accumulate]
        ]
        assert sorted(of_step) == list(range(step * size, (step + 1) * size))


def test_chance_of_a_step_depends_on_seed_step_and_process():
    seeds = {step_seed(seed, step, rank) for seed in (0, 1) for step in (0, 1) for rank in (0, 1)}
    assert len(seeds) == 8
    assert min(seeds) >= 0


def test_steps_learn_and_leave_chance_as_it_was(maker, examples):
    state = torch.random.get_rng_state()
    plan = Plan(12, Rates(0.02), LossWeights())
    found, told = stepper(plan), []
    fit_narrator(found, (maker.batch(examples) for _ in range(12)), after_step=told.append)
    assert [each.step for each in told] == list(range(1, 13))
    assert told[-1].loss < 0.7 * told[0].loss
    assert told[0].rate == 0.02
    assert told[-1].rate == pytest.approx(0.02 / 12)
    assert torch.random.get_rng_state().equal(state)
    assert not found.module.training


def test_a_loss_that_is_no_number_is_told(maker, examples):
    found = stepper()
    with torch.no_grad():
        found.module.narrator.decoder.transformer.wte.weight.fill_(float("nan"))
    with pytest.raises(UsageError, match="the loss is nan at step 3"):
        found.step(3, [maker.batch(examples)])


def test_rows_of_training_batches_are_the_usual_ones(maker, examples):
    rows = [each.row for each in examples]
    assert maker.batch(examples).rows.ids.equal(training_batch(rows, maker.tokenizer).ids)
