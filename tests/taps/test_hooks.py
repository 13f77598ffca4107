"""What both taps refuse, and that no hook outlives its block."""

import pytest
import torch
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.models.guard import fingerprint
from seewhy.taps.hooks import on_outputs


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2)
        self.shared = nn.Linear(2, 2)
        self.alias = self.shared
        self.unused = nn.Linear(2, 2)
        self.pair = nn.Identity()

    def forward(self, x):
        return self.pair((self.shared(self.shared(self.first(x))), x))[0]


@pytest.fixture
def net():
    torch.manual_seed(0)
    return Net()


def keep(_output):
    return None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["frist"], r"no submodule 'frist' in Net\. Nearest: first"),
        (list("abcdefg"), "and 2 more"),
        (["unused"], "did not call 'unused'"),
        (["shared"], "'shared' was called twice"),
        (["alias"], "'alias' was called twice"),
        (["pair"], "'pair' gave tuple, not a tensor"),
    ],
)
def test_refusals(net, names, message):
    before = fingerprint(net)
    with pytest.raises(UsageError, match=message), on_outputs(net, dict.fromkeys(names, keep)):
        net(torch.ones(1, 2))
    assert fingerprint(net) == before


def test_hooks_are_gone_after_an_error_inside(net):
    before = fingerprint(net)
    with pytest.raises(KeyError), on_outputs(net, {"first": keep}):
        raise KeyError
    assert fingerprint(net) == before


def test_an_error_inside_is_not_hidden_by_what_was_not_called(net):
    with pytest.raises(ZeroDivisionError), on_outputs(net, {"unused": keep}):
        raise ZeroDivisionError


def test_each_function_sees_its_own_output(net):
    seen = {}
    with on_outputs(net, {"first": seen.setdefault("first", []).append}):
        net(torch.ones(1, 2))
    assert torch.equal(seen["first"][0], net.first(torch.ones(1, 2)))


def test_the_whole_module_is_a_submodule_of_itself(net):
    outputs = []
    with on_outputs(net, {"": outputs.append}):
        result = net(torch.ones(1, 2))
    assert outputs[0] is result
