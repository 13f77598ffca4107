import copy

import pytest
import torch
from tests.training.editing.small import CHANNELS, WRITER, regions_of
from torch.testing import assert_close

from seewhy.models.editing.building import build_network
from seewhy.models.editing.config import network_config
from seewhy.models.editing.features import ImageFeatures
from seewhy.training.editing.batches import KeptRegions
from seewhy.training.editing.scaling import (
    Scale,
    ScaledRegions,
    for_plain_regions,
    for_scaled_regions,
    scaled_regions,
)

SIZES = {
    "editnet": {"features": CHANNELS},
    "dcnet": {},
    "look-modify": {"features": CHANNELS, "embedding": 6, "sentence": "ordered"},
}


def network_of(kind):
    values = {"kind": kind, "width": 8, "attention": 6, "words": WRITER.vocabulary.size}
    return build_network(network_config(**values, **SIZES[kind])).double().eval()


def table_of(count=40):
    plain = regions_of(count, seed=1)
    shift, size = torch.arange(CHANNELS) - 2.0, 0.25 * torch.arange(1, CHANNELS + 1)
    return KeptRegions((plain.regions * size + shift).double(), plain.counts)


@pytest.mark.parametrize("kind", SIZES)
def test_a_rewritten_network_scores_plain_regions_as_it_did_scaled_ones(kind):
    table, network = table_of(), network_of(kind)
    scale = Scale.of(table)
    captions = [("a", "red", "star"), ("is",)]
    targets = WRITER.targets(captions)
    inputs, scaled = (
        WRITER.inputs(captions, each([4, 11])) for each in (table, ScaledRegions(table, scale))
    )
    before = network(scaled, targets)
    rewritten = copy.deepcopy(network)
    for_plain_regions(rewritten, scale)
    assert_close(rewritten(inputs, targets), before, atol=1e-10, rtol=0)
    for_scaled_regions(rewritten, scale)
    for name, tensor in network.state_dict().items():
        assert_close(rewritten.state_dict()[name], tensor, atol=1e-12, rtol=0)
    if kind != "dcnet":
        assert not torch.allclose(network(inputs, targets), before, atol=1e-3)


def test_scaled_channels_have_mean_0_and_deviation_1():
    table = table_of()
    scaled = ScaledRegions(table, Scale.of(table))
    found = scaled(range(len(scaled)))
    regions = found.regions[torch.arange(3) < found.counts[:, None]]
    assert_close(regions.mean(dim=0), torch.zeros(CHANNELS).double())
    assert_close(regions.std(dim=0, correction=0), torch.ones(CHANNELS).double())
    assert torch.equal(found.counts, table.counts)


def test_dead_channels_are_not_blown_up():
    features = [ImageFeatures(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))] * 3
    scale = Scale.of(KeptRegions.of(features))
    assert scale.deviation.tolist() == pytest.approx([1.0, 0.05])
    alone = Scale.of(KeptRegions.of([ImageFeatures(torch.ones(1, 2))]))
    assert alone.deviation.tolist() == [1.0, 1.0]


def test_without_a_scale_regions_are_as_they_are():
    table = table_of(2)
    assert scaled_regions(table, None) is table
