import pytest
import torch
from tests.methods.grafting.networks import (
    SmallClassifier,
    clip_resnet,
    image_pairs,
    seeded,
)
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.methods.grafting.matching import match_units
from seewhy.methods.grafting.method import Grafting, paper_sites, permuted


def named(classifier):
    return [site.name for site in classifier]


def test_the_paper_taps_convolutions_by_name_without_downsampling():
    classifier = SmallClassifier(1)
    assert named(Grafting(protocol="paper").sites(classifier)) == ["conv1", "conv2", "conv3"]
    assert named(Grafting().sites(classifier)) == named(classifier.sites())


def test_resnet_50_has_49_such_convolutions_and_22720_maps():
    from torchvision.models import resnet50

    classifier = SmallClassifier(1)
    with torch.device("meta"):
        classifier.module = resnet50(weights=None)
    sites = paper_sites(classifier)
    modules = dict(classifier.module.named_modules())
    assert len(sites) == 49
    assert sites[0].name == "conv1"
    assert sum(modules[site.name].out_channels for site in sites) == 22_720


def test_a_network_without_such_convolutions_is_refused():
    classifier = SmallClassifier(1)
    classifier.module = nn.Sequential(nn.Conv2d(3, 4, 1))
    with pytest.raises(UsageError, match=r"small classifier has no convolutions.*default"):
        paper_sites(classifier)


def test_permuted_matches_are_the_same_units_dealt_anew():
    matching = match_units(SmallClassifier(1), clip_resnet(2), [image_pairs(4, 3)])
    control, again = permuted(matching, seeded(5)), permuted(matching, seeded(5))
    for stage, dealt, same in zip(matching.stages, control.stages, again.stages, strict=True):
        assert sorted(dealt.best.tolist()) == sorted(stage.best.tolist())
        assert not torch.equal(dealt.best, stage.best)
        assert torch.equal(dealt.best, same.best)
        assert dealt.score.isnan().all()
        assert torch.equal(dealt.std, stage.std)


def test_units_per_site_count_every_matched_unit_once():
    matching = match_units(SmallClassifier(1), clip_resnet(2), [image_pairs(4, 3)])
    for stage in matching.stages:
        counts = matching.units_per_site(stage)
        assert list(counts) == ["conv1", "conv2", "downsample", "conv3"]
        assert sum(counts.values()) == len(stage.best)
        first = (stage.best < 6).sum().item()
        assert counts["conv1"] == first
