import pytest
import torch
from tests.training.narration.small import small_narrator
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import write_weights
from seewhy.training.checkpoints import CHECKPOINT_FILE
from seewhy.training.narration.checkpoints import Standing, read_checkpoint, write_checkpoint
from seewhy.training.narration.loop import Learner
from seewhy.training.rates import Rates, optimiser

SETTINGS = {"seed": 3, "rates": {"betas": (0.9, 0.99)}, "data": None}


def learnt(seed):
    learner = Learner(small_narrator(seed=seed), has_sight=True)
    found = optimiser(learner, Rates(0.1))
    for number, parameter in enumerate(learner.parameters()):
        parameter.grad = torch.full_like(parameter, number / 7)
    found.step()
    return learner, found


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    learner, found = learnt(1)
    learner.narrator.tower.stages[0].halving_norm.running_mean += 2
    standing = Standing(12, 0.5, 8)
    write_checkpoint(folder, learner, found, standing=standing, settings=SETTINGS)
    return folder, learner, found


def test_weights_moments_and_standing_come_back_to_the_bit(written):
    folder, learner, found = written
    other = Learner(small_narrator(seed=2), has_sight=True)
    fresh = optimiser(other, Rates(0.1))
    standing = read_checkpoint(folder, other, fresh, settings=SETTINGS)
    assert standing == Standing(12, 0.5, 8)
    exactly = {"rtol": 0, "atol": 0}
    assert_close(other.state_dict(), learner.state_dict(), **exactly)
    assert_close(fresh.state_dict()["state"], found.state_dict()["state"], **exactly)


def test_nothing_is_validated_before_the_first(tmp_path):
    learner, found = learnt(0)
    write_checkpoint(tmp_path, learner, found, standing=Standing(2), settings={})
    assert read_checkpoint(tmp_path, learner, found, settings={}) == Standing(2, None, 0)


def test_other_settings_are_told_apart_by_name(written):
    folder, learner, found = written
    with pytest.raises(UsageError, match="seed was 3 and is 4"):
        read_checkpoint(folder, learner, found, settings={**SETTINGS, "seed": 4})
    with pytest.raises(UsageError, match="more was None and is 1"):
        read_checkpoint(folder, learner, found, settings={**SETTINGS, "more": 1})


def test_no_checkpoint_and_another_file_are_refused(tmp_path):
    learner, found = learnt(0)
    with pytest.raises(UsageError, match="holds no checkpoint"):
        read_checkpoint(tmp_path, learner, found, settings={})
    write_weights(tmp_path / CHECKPOINT_FILE, {"weight": torch.ones(2)})
    with pytest.raises(UsageError, match="is no checkpoint of a narrator"):
        read_checkpoint(tmp_path, learner, found, settings={})
