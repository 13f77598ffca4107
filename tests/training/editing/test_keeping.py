from dataclasses import replace

import pytest
import torch
from tests.training.editing.small import CHANNELS, SMALL, WRITER, regions_of
from torch.testing import assert_close

from seewhy.data.editing.facts import facts_of
from seewhy.data.editing.records import EditRecord
from seewhy.models.checkpoints import read_weights
from seewhy.models.editing.building import build_network
from seewhy.models.editing.config import EditNetConfig
from seewhy.training.editing.examples import DrawnExamples
from seewhy.training.editing.judging import Cases, Judge, Judgement
from seewhy.training.editing.keeping import BEST_FILE, Keeper, Standing, fill_with_best, resumed
from seewhy.training.editing.loop import Stepper, plan_of
from seewhy.training.editing.phases import PARTS, WordLearning
from seewhy.training.rates import optimiser
from seewhy.training.steps import StepDone
from seewhy.training.tables import TrainingTables

FACTS = facts_of("train")[:3]
CASES = Cases(
    tuple(EditRecord(str(place), ("a",), (each.words,)) for place, each in enumerate(FACTS)),
    regions_of(3),
)


def stepper_of(**values):
    size = WRITER.vocabulary.size
    network = build_network(EditNetConfig(width=8, attention=4, features=CHANNELS, words=size))
    recipe = replace(SMALL.recipes["editnet", "xe"], **values)
    examples = DrawnExamples(FACTS, regions_of(3), WRITER, 4)
    plan = plan_of(recipe, examples, seed=0)
    return Stepper(network, WordLearning(), optimiser(network, recipe.rates), plan)


@pytest.fixture
def judged(monkeypatch):
    """Validations find these figures of CIDEr, one after the other."""
    told = []
    figures = property(lambda _: {"CIDEr": told.pop(0)})
    monkeypatch.setattr(Judgement, "figures", figures)
    return told


def keeper_of(folder, **values):
    stepper = stepper_of(**values)
    tables = TrainingTables(folder, PARTS["xe"])
    return Keeper(folder, stepper, Judge(WRITER), CASES, tables, {"seed": 1}, Standing())


def run(keeper, steps):
    """The steps after which the training goes on, each with a bias of its own number."""
    gone_on = []
    for step in range(1, steps + 1):
        with torch.no_grad():
            keeper.stepper.network.output.bias.fill_(step)
        gone_on.append(keeper.after_step(StepDone(step, 1.0, {"words": 1.0}, 0.5)))
        if not gone_on[-1]:
            break
    return gone_on


def best(folder):
    return float(read_weights(folder / BEST_FILE)["output.bias"][0])


def test_the_first_of_the_best_is_kept(tmp_path, judged):
    judged += [1.0, 3.0, 3.0, 2.0]
    keeper = keeper_of(tmp_path, steps=8)
    assert run(keeper, 8) == [True] * 7 + [False]
    assert keeper.standing == Standing(8, 3.0, 4, waited=2, stale=2, is_over=True)
    assert best(tmp_path) == 4.0
    network = stepper_of().network
    fill_with_best(tmp_path, network)
    assert network.output.bias[0].item() == 4.0
    header, *rows = (tmp_path / "validation.csv").read_text(encoding="utf-8").splitlines()
    assert (header, rows) == ("step,CIDEr", ["2,1", "4,3", "6,3", "8,2"])


def test_patience_counts_validations_in_a_row(tmp_path, judged):
    judged += [2.0, 1.0, 3.0, 1.0, 1.0, 9.0]
    keeper = keeper_of(tmp_path, steps=20, patience=2)
    assert run(keeper, 20) == [True] * 9 + [False]
    assert keeper.standing.stale == 3
    assert best(tmp_path) == 6.0


def test_a_further_training_keeps_what_it_began_with_if_nothing_is_better(tmp_path, judged):
    judged += [5.0, 1.0, 2.0]
    keeper = keeper_of(tmp_path, steps=4)
    with torch.no_grad():
        keeper.stepper.network.output.bias.fill_(0.0)
    keeper.begin()
    run(keeper, 4)
    assert best(tmp_path) == 0.0
    assert (keeper.standing.best_step, keeper.standing.stale) == (0, 2)


def test_a_checkpoint_brings_all_of_it_back(tmp_path, judged):
    judged += [1.0, 0.5]
    keeper = keeper_of(tmp_path, steps=8)
    batch = DrawnExamples(FACTS, regions_of(3), WRITER, 4).batch(0)
    keeper.stepper.step(0, batch, stale=0)
    run(keeper, 4)
    other = stepper_of(steps=8)
    assert resumed(tmp_path, other, settings={"seed": 1}) == keeper.standing
    exactly = {"rtol": 0, "atol": 0}
    one, two = keeper.stepper, other
    assert_close(two.network.state_dict(), one.network.state_dict(), **exactly)
    assert_close(
        two.optimiser.state_dict()["state"], one.optimiser.state_dict()["state"], **exactly
    )
