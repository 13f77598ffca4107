from dataclasses import replace

import pytest
import torch
from tests.training.editing.small import CHANNELS, SMALL, WRITER, regions_of
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.data.editing.facts import facts_of
from seewhy.data.editing.records import EditRecord
from seewhy.models.editing.building import build_network
from seewhy.models.editing.config import EditNetConfig
from seewhy.training.editing.examples import DrawnExamples, RecordExamples
from seewhy.training.editing.loop import Course, Stepper, fit_editor, plan_of
from seewhy.training.editing.phases import WordLearning
from seewhy.training.editing.presets import COCO_SET
from seewhy.training.rates import optimiser

FACTS = facts_of("train")[:6]
EXAMPLES = DrawnExamples(FACTS, regions_of(6), WRITER, 4)
RECORDS = tuple(EditRecord(str(place), ("a",), (each.words,)) for place, each in enumerate(FACTS))


def stepper_of(examples=EXAMPLES, recipe=SMALL.recipes["editnet", "xe"], seed=0):
    size = WRITER.vocabulary.size
    config = EditNetConfig(width=8, attention=4, features=CHANNELS, words=size, dropout=0.5)
    network = build_network(config, seed=3)
    plan = plan_of(recipe, examples, seed=seed)
    return Stepper(network, WordLearning(), optimiser(network, recipe.rates), plan)


def fitted(stepper, first=0, last=None):
    told = []

    def after(done):
        told.append(done)
        return done.step != last

    fit_editor(stepper, EXAMPLES, Course(first, after, lambda: 0))
    return told


def test_steps_go_on_as_if_there_had_been_no_break():
    torch.manual_seed(5)
    chance = torch.get_rng_state()
    whole = fitted(one := stepper_of())
    first = fitted(other := stepper_of(), last=2)
    torch.rand(3)
    second = fitted(other, first=2)
    assert [*first, *second] == whole
    for name, tensor in one.network.state_dict().items():
        assert torch.equal(tensor, other.network.state_dict()[name])
    assert not one.network.training
    torch.manual_seed(5)
    fitted(stepper_of())
    assert torch.equal(torch.get_rng_state(), chance)


def test_chance_depends_on_the_seed():
    assert fitted(stepper_of(seed=1)) != fitted(stepper_of(seed=2))


def test_gradients_are_clipped_together():
    recipe = SMALL.recipes["editnet", "xe"]
    clipped = stepper_of(recipe=replace(recipe, rates=replace(recipe.rates, clip_norm=1e-3)))
    clipped.network.train()
    clipped.step(0, EXAMPLES.batch(0), stale=0)
    norms = [each.grad.norm() for each in clipped.network.parameters() if each.grad is not None]
    assert_close(torch.stack(norms).norm(), torch.tensor(1e-3), atol=1e-6, rtol=0)


def test_a_loss_that_is_no_number_ends_the_training():
    stepper = stepper_of()
    with torch.no_grad():
        stepper.network.output.bias[0] = torch.nan
    with pytest.raises(UsageError, match="lower the learning rate"):
        fitted(stepper)


def test_epochs_are_counted_in_batches():
    examples = RecordExamples(RECORDS, regions_of(6), WRITER, 4)
    plan = plan_of(COCO_SET.recipes["editnet", "xe"], examples, seed=0)
    assert (plan.epoch, plan.steps, plan.check_every) == (2.0, 50, 2)
    assert [plan.epoch_at(step) for step in (0, 1, 2, 49)] == [0, 0, 1, 24]
    # 0.8 every three epochs, whatever validations say.
    assert [plan.falls_at(step, stale=9) for step in (0, 5, 6, 11, 12)] == [0, 0, 1, 1, 2]


def test_a_rate_falls_after_validations_without_improvement():
    examples = RecordExamples(RECORDS, regions_of(6), WRITER, 4)
    plan = plan_of(COCO_SET.recipes["editnet", "rl"], examples, seed=0)
    assert plan.falls_at(7, stale=3) == 3
    stepper = stepper_of(examples, COCO_SET.recipes["editnet", "rl"])
    rates = [stepper.step(0, examples.batch(0), stale=stale).rate for stale in (0, 1, 2)]
    assert rates == pytest.approx([5e-5, 2.5e-5, 1.25e-5])


def test_what_never_comes_again_has_no_epochs():
    with pytest.raises(UsageError, match="no epochs to count"):
        plan_of(COCO_SET.recipes["editnet", "xe"], EXAMPLES, seed=0)
