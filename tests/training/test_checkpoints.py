import pytest
import torch
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import write_weights
from seewhy.training.checkpoints import CHECKPOINT_FILE, read_checkpoint, write_checkpoint
from seewhy.training.rates import Rates, optimiser

SETTINGS = {"seed": 3, "betas": (0.9, 0.99)}


def stepped(module):
    found = optimiser(module, Rates(0.1))
    for number, parameter in enumerate(module.parameters()):
        parameter.grad = torch.full_like(parameter, number + 1.0)
    found.step()
    return found


def test_tensors_moments_and_standing_come_back(tmp_path):
    module = nn.Linear(3, 2)
    found = stepped(module)
    tensors = {f"weights/{name}": each for name, each in module.state_dict().items()}
    write_checkpoint(
        tmp_path, {**tensors, "more/x": torch.ones(2)}, found, standing={"step": 7},
        settings=SETTINGS,
    )  # fmt: skip
    read = read_checkpoint(tmp_path, settings=SETTINGS, what="a thing")
    assert read.standing == {"step": 7}
    exactly = {"rtol": 0, "atol": 0}
    torch.testing.assert_close(read.below("weights/"), dict(module.state_dict()), **exactly)
    assert list(read.below("more/")) == ["x"]
    fresh = optimiser(module, Rates(0.1))
    read.fill(fresh)
    torch.testing.assert_close(fresh.state_dict()["state"], found.state_dict()["state"], **exactly)


def test_other_settings_and_other_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no checkpoint"):
        read_checkpoint(tmp_path, settings={}, what="a thing")
    module = nn.Linear(1, 1)
    write_checkpoint(tmp_path, {}, stepped(module), standing={}, settings=SETTINGS)
    with pytest.raises(UsageError, match="seed was 3 and is 4; x was None and is 1"):
        read_checkpoint(tmp_path, settings={**SETTINGS, "seed": 4, "x": 1}, what="a thing")
    write_weights(tmp_path / CHECKPOINT_FILE, {"weight": torch.ones(2)})
    with pytest.raises(UsageError, match="no checkpoint of a thing's training"):
        read_checkpoint(tmp_path, settings={}, what="a thing")
