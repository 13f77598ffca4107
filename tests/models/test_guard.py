"""The model is left as it was found."""

import contextlib

import pytest
import torch
from torch import nn

from seewhy.models.guard import (
    device_of,
    differentiation,
    fingerprint,
    inference,
    input_dtype,
    untouched,
)


class Moody(nn.Module):
    """Every kind of state that a forward pass can disturb."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("calls", torch.zeros(1))
        self.register_buffer("unknown", torch.tensor([float("nan"), 1.0]))
        self.register_buffer("absent", None)

    def forward(self, x):
        self.calls += 1
        return self.dropout(self.norm(self.first(x)))


@pytest.fixture
def module():
    torch.manual_seed(0)
    model = Moody()
    model.norm.eval()
    model.first.bias.requires_grad_(False)
    model(torch.randn(4, 3)).sum().backward()
    model.first.register_forward_hook(lambda *_: None)
    return model


def disturb(model):
    model.train()
    model.first.requires_grad_(False)
    model.first.bias.requires_grad_(True)
    model(torch.randn(4, 3)).sum().backward()
    model.norm.register_forward_pre_hook(lambda *_: None)
    model.first._forward_hooks.clear()
    model.unknown = torch.zeros(2)
    model.absent = torch.zeros(1)
    model.calls.fill_(99)
    model.first.weight = nn.Parameter(torch.zeros(3, 3))
    torch.manual_seed(7)


def test_everything_is_undone(module):
    grad = module.first.weight.grad
    before = fingerprint(module)
    with untouched(module):
        disturb(module)
        assert fingerprint(module) != before
    assert fingerprint(module) == before
    assert module.first.weight.grad is grad


def test_everything_is_undone_after_an_error(module):
    before = fingerprint(module)

    def disturb_and_fail():
        with untouched(module):
            disturb(module)
            raise KeyError

    with pytest.raises(KeyError):
        disturb_and_fail()
    assert fingerprint(module) == before


def test_gradients_inside_do_not_add_to_those_outside(module):
    wanted = module.first.weight.grad.clone()
    with untouched(module):
        assert module.first.weight.grad is None
        module(torch.randn(4, 3)).sum().backward()
    assert torch.equal(module.first.weight.grad, wanted)


def test_inference_is_evaluation_without_gradients_and_leaves_no_trace(module):
    before = fingerprint(module)
    x = torch.randn(4, 3)
    before = fingerprint(module)
    with inference(module), inference(module):
        first, second = module(x), module(x)
        assert not any(child.training for child in module.modules())
    assert not first.requires_grad
    assert torch.equal(first, second), "dropout is off"
    assert fingerprint(module) == before


@pytest.mark.parametrize("around", [contextlib.nullcontext, torch.no_grad, torch.inference_mode])
def test_differentiation_has_gradients_of_all_but_parameters_and_leaves_no_trace(module, around):
    before = fingerprint(module)
    with around(), differentiation(module):
        x = torch.ones(4, 3, requires_grad=True)
        found = module(x)
        (gradient,) = torch.autograd.grad(found.sum(), x)
        assert not any(each.requires_grad for each in module.parameters())
        assert not any(child.training for child in module.modules())
    assert gradient.any()
    assert fingerprint(module) == before


def test_differentiation_inside_inference_is_undone_by_it(module):
    before = fingerprint(module)
    with inference(module):
        with differentiation(module):
            assert module(torch.ones(4, 3, requires_grad=True)).requires_grad
        assert not module(torch.ones(4, 3)).requires_grad
    assert fingerprint(module) == before
    with differentiation(module), inference(module):
        assert not module(torch.ones(4, 3, requires_grad=True)).requires_grad


def test_inference_ignores_autocast_around_it(module):
    with torch.autocast("cpu", dtype=torch.bfloat16), inference(module):
        assert module.first(torch.randn(4, 3)).dtype == torch.float32


def test_inference_does_not_call_what_the_user_made_of_eval(module, monkeypatch):
    monkeypatch.setattr(Moody, "train", lambda *_: pytest.fail("side effect"))
    with inference(module):
        pass


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.norm.train(),
        lambda m: m.first.weight.requires_grad_(False),
        lambda m: m.first.weight.grad.add_(1),
        lambda m: setattr(m.first.weight, "grad", None),
        lambda m: m.calls.add_(1),
        lambda m: m.first.weight.data.add_(1),
        lambda m: m.norm.register_forward_hook(lambda *_: None),
        lambda m: setattr(m, "forward", print),
        lambda _: torch.rand(1),
        lambda _: torch.set_float32_matmul_precision("medium"),
    ],
)
def test_the_fingerprint_notices(module, change):
    precision = torch.get_float32_matmul_precision()
    before = fingerprint(module)
    assert fingerprint(module) == before
    change(module)
    try:
        assert fingerprint(module) != before
    finally:
        torch.set_float32_matmul_precision(precision)


def test_the_fingerprint_notices_the_mode_of_gradients(module):
    before = fingerprint(module)
    with torch.no_grad():
        assert fingerprint(module) != before


def test_a_module_without_tensors_is_on_the_cpu():
    assert device_of(nn.ReLU()) == torch.device("cpu")
    assert device_of(nn.Linear(1, 1, device="meta")) == torch.device("meta")
    assert device_of(nn.BatchNorm1d(1, affine=False, device="meta")) == torch.device("meta")


def test_a_block_inside_a_block_leaves_the_undoing_to_the_outer_one(module):
    before = fingerprint(module)
    with inference(module):
        with inference(module):
            assert torch.is_inference_mode_enabled()
            module.calls.fill_(5)
        assert module.calls.item() == 5
    assert fingerprint(module) == before
    with pytest.raises(KeyError), inference(module), inference(module):
        raise KeyError
    with inference(module):
        module.calls.fill_(5)
    assert fingerprint(module) == before


def test_pixels_take_the_precision_of_the_first_convolution():
    mixed = nn.Sequential(nn.Linear(2, 2), nn.Conv2d(3, 4, 1).half(), nn.Conv2d(4, 4, 1))
    assert input_dtype(mixed) == torch.float16
    assert input_dtype(nn.Linear(2, 2).bfloat16()) == torch.bfloat16
    assert input_dtype(nn.Identity()) == torch.float32
