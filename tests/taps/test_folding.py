import torch
from torch import fx, nn
from torch.testing import assert_close

from seewhy.models.guard import fingerprint
from seewhy.taps.folding import folded, is_fixed_norm


class Branching(nn.Module):
    """Norms behind convolutions that are read once and twice, and what does nothing."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.second, self.own_norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)
        self.idle, self.dropout = nn.Identity(), nn.Dropout(0.5)

    def forward(self, values):
        values = self.idle(self.norm(self.first(values)).relu())
        both = self.second(values)
        return self.dropout(self.own_norm(both)) + both


def made():
    generator = torch.Generator().manual_seed(0)
    module = Branching().eval()
    for norm in (module.norm, module.own_norm):
        norm.running_mean.normal_(generator=generator)
        norm.running_var.uniform_(0.5, 2, generator=generator)
    return module, torch.randn(2, 3, 7, 9, generator=generator)


def test_a_folded_graph_gives_the_same_with_fewer_parts():
    module, images = made()
    before = fingerprint(module)
    graph = folded(module, fx.Tracer().trace(module))
    with torch.inference_mode():
        assert_close(graph(images), module(images), rtol=1e-5, atol=1e-5)
    called = {node.target for node in graph.graph.nodes}
    assert called.isdisjoint({"norm", "idle", "dropout"})
    # Its convolution is read without the norm, too.
    assert "own_norm" in called
    assert fingerprint(module) == before


def test_a_norm_of_the_batch_and_dropout_in_training_stay():
    module, _ = made()
    module.train()
    called = {node.target for node in folded(module, fx.Tracer().trace(module)).graph.nodes}
    assert {"norm", "own_norm", "dropout"} <= called
    assert not is_fixed_norm(module.norm)
    assert is_fixed_norm(module.norm.eval())
