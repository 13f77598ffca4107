import copy

import pytest
import torch
from torch import fx, nn
from torch.testing import assert_close

from seewhy.models.guard import fingerprint
from seewhy.taps.folding import folded
from seewhy.taps.packing import PackedConvolution, pack


class Branching(nn.Module):
    """What is read before its ReLU, a ReLU used twice, and convolutions of every kind."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.grouped = nn.Conv2d(8, 8, (3, 1), padding=(2, 0), dilation=2, groups=4)
        self.read_twice = nn.Conv2d(8, 8, 1)
        self.idle = nn.Identity()

    def forward(self, values):
        values = self.relu(self.idle(self.norm(self.first(values))))
        both = self.read_twice(values)
        return torch.relu(self.grouped(self.relu(both + 0))) + both


def made():
    generator = torch.Generator().manual_seed(0)
    module = Branching().eval()
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.3
    module.norm.running_mean += 0.2
    return module, torch.randn(2, 3, 17, 23, generator=generator)


def graph_of(module):
    return folded(module, fx.Tracer().trace(module))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_packed_convolutions_give_the_same_for_images_of_any_number_and_size(dtype, layout):
    module, images = made()
    module = module.to(dtype).to(memory_format=layout)
    images = images.to(dtype).contiguous(memory_format=layout)
    before = fingerprint(module)
    graph = graph_of(copy.deepcopy(module))
    plain = graph_of(module)
    bound = {"rtol": 1e-5, "atol": 1e-5} if dtype is torch.float32 else {"rtol": 0.02, "atol": 0.02}
    with torch.inference_mode():
        assert pack(graph, images[:1])
        for each in (images, images[:, :, :9, :11].contiguous(memory_format=layout)):
            assert_close(graph(each), plain(each), **bound)
    assert fingerprint(module) == before


def test_a_relu_joins_what_it_alone_reads():
    module, images = made()
    graph = graph_of(module)
    with torch.inference_mode():
        assert pack(graph, images)
    parts = {name: part for name, part in graph.named_modules() if name}
    assert all(isinstance(parts[name], PackedConvolution) for name in ("first", "grouped"))
    assert (parts["first"].has_relu, parts["grouped"].has_relu) == (True, True)
    assert not parts["read_twice"].has_relu
    assert {node.target for node in graph.graph.nodes}.isdisjoint({"norm", "idle"})


def test_values_that_have_their_border_need_no_other():
    convolution = nn.Conv2d(3, 4, 3, padding=1).eval()
    images = torch.linspace(0, 1, 3 * 6 * 7).view(1, 3, 6, 7)
    with torch.inference_mode():
        packed = PackedConvolution(convolution, images.shape)
        assert_close(packed(images), convolution(images))
        assert_close(packed.inside(images), convolution(images)[:, :, 1:-1, 1:-1])


def test_what_the_library_does_not_know_stays_as_it_is(monkeypatch):
    module, images = made()
    graph = graph_of(module)
    assert not pack(graph.double(), images.double())
    graph.float()

    def refuse(*_arguments):
        raise RuntimeError("no such operation")

    monkeypatch.setattr(PackedConvolution, "__init__", refuse)
    with torch.inference_mode():
        assert not pack(graph, images)
        assert type(graph.first) is nn.Conv2d
        assert_close(graph(images), module(images), rtol=1e-5, atol=1e-5)


def test_a_packing_that_gives_something_else_is_not_used(monkeypatch):
    module, images = made()
    graph = graph_of(module)
    monkeypatch.setattr(PackedConvolution, "forward", lambda _self, values: values * 0)
    with torch.inference_mode():
        assert not pack(graph, images)
    assert type(graph.first) is nn.Conv2d
