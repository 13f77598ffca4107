"""Edited outputs are what the rest of the network sees."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.guard import fingerprint
from seewhy.taps.capture import capture
from seewhy.taps.edit import edit, extend


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Linear(4, 2))


X = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


def test_the_rest_of_the_network_sees_the_replacement(net):
    with edit(net, {"0": lambda output: output * 2 + 1}):
        edited = net(X)
    assert_close(edited, net[2]((net[0](X) * 2 + 1).relu()))


def test_the_identity_changes_nothing(net):
    wanted = net(X)
    with edit(net, {"0": lambda output: output, "1": lambda output: output}):
        assert torch.equal(net(X), wanted)


def test_later_edits_see_earlier_ones(net):
    with edit(net, {"2": lambda output: output + 1, "0": torch.zeros_like}):
        edited = net(X)
    assert_close(edited, (net[2].bias + 1).expand(5, 2))


def test_a_capture_inside_an_edit_sees_the_replacement(net):
    with edit(net, {"0": torch.ones_like}), capture(net, ["0"]) as tensors:
        net(X)
    assert torch.equal(tensors["0"], torch.ones(5, 4))


@pytest.mark.parametrize("rewrite", [lambda x: x[:, :1], lambda x: x.double(), lambda x: x[:0]])
def test_replacements_of_another_shape_or_type_are_refused(net, rewrite):
    before = fingerprint(net)
    message = r"the edit of '0' gave .* wanted torch.float32 \(5, 4\)"
    with pytest.raises(UsageError, match=message), edit(net, {"0": rewrite}):
        net(X)
    assert fingerprint(net) == before


def test_an_edit_that_fails_leaves_no_hook(net):
    before = fingerprint(net)
    with pytest.raises(ZeroDivisionError), edit(net, {"0": lambda _: 1 / 0}):
        net(X)
    assert fingerprint(net) == before


def test_an_extended_batch_runs_on_and_each_row_by_itself():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    x, other = torch.randn(2, 3), torch.randn(3, 4)
    before = fingerprint(net)
    with extend(net, {"1": lambda _: other, "2": lambda output: output[-1:] + 1}):
        longer = net(x)
    assert fingerprint(net) == before
    expected = torch.cat([net(x), net[2](other)])
    assert_close(longer, torch.cat([expected, expected[-1:] + 1]))
    with extend(net, {"1": lambda _: other}, instead=["1"]):
        assert_close(net(x), net[2](other))


@pytest.mark.parametrize("rows", [torch.zeros(1, 3), torch.zeros(1, 4, dtype=torch.float64)])
def test_rows_of_another_kind_are_refused(rows):
    net = nn.Sequential(nn.Linear(3, 4))
    with pytest.raises(UsageError, match="the addition to '0'"), extend(net, {"0": lambda _: rows}):
        net(torch.zeros(2, 3))
