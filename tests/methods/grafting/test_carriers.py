"""Pointwise convolutions are matched by their inputs; nothing may show it but the time."""

import pytest
import torch
from tests.methods.grafting.direct import direct_table
from tests.methods.grafting.networks import Network, clip_resnet, image_pairs, random_weights
from torch import nn
from torch.testing import assert_close

from seewhy.methods.grafting.carriers import carriers_of
from seewhy.methods.grafting.matching import match_units
from seewhy.methods.grafting.stacks import MapStacks, captured_maps
from seewhy.models.sites import Site


class Bottleneck(Network):
    """A convolution, and pointwise ones that widen: with a bias, with strides, with zero rows."""

    classes = ("one", "two")

    def __init__(self):
        layers = {
            "first": nn.Conv2d(3, 5, 3, stride=2, padding=1),
            "relu": nn.ReLU(inplace=True),
            "wide": nn.Conv2d(5, 12, 1),
            "strided": nn.Conv2d(12, 20, 1, stride=(2, 3), bias=False),
            "narrow": nn.Conv2d(20, 6, 1),
            "grouped": nn.Conv2d(6, 12, 1, groups=2),
            "padded": nn.Conv2d(12, 14, 1, padding=1),
            "pool": nn.AdaptiveAvgPool2d(1),
            "flat": nn.Flatten(),
            "head": nn.Linear(14, 2),
        }
        module = nn.Sequential()
        for name, layer in layers.items():
            module.add_module(name, layer)
        super().__init__("bottleneck", random_weights(module, 1))
        with torch.no_grad():
            module.wide.weight[3] = 0

    def logits(self, pixels):
        return self.module(pixels)

    def sites(self):
        names = ("first", "wide", "strided", "narrow", "grouped", "padded")
        return tuple(Site(name) for name in names)


def carried(network):
    carriers = carriers_of(network.module, network.sites())
    return [carrier.site.name for carrier in carriers if carrier.weight is not None]


@pytest.fixture
def network():
    return Bottleneck()


def direct(network, encoder, pairs):
    maps = [each.double() for each in captured_maps(network, network.sites(), pairs[0])]
    targets = [each.double() for each in captured_maps(encoder, encoder.stages(), pairs[1])]
    return maps, direct_table(maps, targets)


def test_only_plain_pointwise_convolutions_that_widen_are_carried_by_their_inputs(network):
    assert carried(network) == ["wide", "strided"]


def test_half_precision_rounds_so_nothing_is_carried(network):
    network.module.bfloat16()
    assert carried(network) == []


def test_scores_and_moments_are_those_of_the_sites_own_maps(network):
    encoder, pairs = clip_resnet(2), image_pairs(6, 3)
    matching = match_units(
        network, encoder, [tuple(p[:4] for p in pairs), tuple(p[4:] for p in pairs)]
    )
    maps, table = direct(network, encoder, pairs)
    found = torch.cat([stage.best for stage in matching.stages])
    scores = torch.cat([stage.score for stage in matching.stages])
    assert_close(scores, table.amax(dim=0), atol=1e-5, rtol=0)
    assert_close(table.gather(0, found[None])[0], scores, atol=1e-5, rtol=0)
    mean = torch.cat([each.mean(dim=(0, 2, 3)) for each in maps])
    std = torch.cat([each.std(dim=(0, 2, 3), correction=0) for each in maps])
    assert_close(matching.sources.mean, mean, atol=1e-6, rtol=1e-6)
    assert_close(matching.sources.std, std, atol=1e-6, rtol=1e-6)
    dead = (matching.sources.site == 1) & (matching.sources.channel == 3)
    assert matching.sources.std[dead].tolist() == [0.0]


def test_a_convolution_whose_output_is_changed_is_not_carried(network):
    encoder, pairs = clip_resnet(2), image_pairs(5, 3)
    network.module.wide.register_forward_hook(lambda _module, _inputs, output: output.abs())
    matching = match_units(network, encoder, [pairs])
    _, table = direct(network, encoder, pairs)
    scores = torch.cat([stage.score for stage in matching.stages])
    assert_close(scores, table.amax(dim=0), atol=1e-5, rtol=0)


def test_the_inputs_are_fewer_than_the_units(network):
    pixels = image_pairs(3, 0)[0]
    held = MapStacks(network, network.sites(), images=3, carried=True).hold(pixels)
    assert [shape[0] for shape in held.shapes] == [5, 5, 12, 6, 12, 14]
    assert sorted(held.units) == [1, 2]
