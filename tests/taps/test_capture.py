"""Captured tensors are what the layer gave, whatever happens to them afterwards."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.guard import fingerprint
from seewhy.taps.capture import capture


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(2))


PIXELS = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_an_in_place_relu_does_not_alter_what_was_captured(net, mode):
    net(PIXELS)
    with mode(), capture(net, ["0", "1"]) as tensors:
        result = net(PIXELS)
    with torch.no_grad():
        wanted = net[0](PIXELS)
        assert wanted.min() < 0
        assert_close(tensors["0"], wanted, check_device=True)
        assert_close(tensors["1"], wanted.relu())
        assert_close(result, net(PIXELS))
    assert list(tensors) == ["0", "1"]


def test_gradients_reach_the_captured_tensor(net):
    net(PIXELS)
    with capture(net, ["0"]) as tensors:
        score = net(PIXELS).sum()
    (gradient,) = torch.autograd.grad(score, tensors["0"])
    maps = net[0](PIXELS).detach().requires_grad_()
    (wanted,) = torch.autograd.grad(net[3](maps.relu().flatten(1)).sum(), maps)
    assert_close(gradient, wanted)


def test_what_was_captured_in_inference_mode_can_be_worked_with(net):
    with torch.inference_mode(), capture(net, ["0"]) as tensors:
        net(PIXELS)
    assert not tensors["0"].is_inference()
    tensors["0"].add_(1)


def test_a_hundred_captures_leave_nothing_behind(net):
    net(PIXELS)
    before = fingerprint(net)
    for _ in range(100):
        with capture(net, ["0", "3"]):
            net(PIXELS)
    assert fingerprint(net) == before


def test_names_asked_for_twice_are_captured_once(net):
    with capture(net, ["0", "0"]) as tensors:
        net(PIXELS)
    assert list(tensors) == ["0"]


def test_two_passes_in_one_block_are_refused(net):
    with capture(net, ["0"]):
        net(PIXELS)
        with pytest.raises(UsageError, match="called twice"):
            net(PIXELS)
