"""Gradients of a similarity, weighed by what both views show."""

import pytest
import torch
from tests.methods.pairs.golden import golden_encoder, views
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.data.planted_pairs import digit_pairs, scene_pairs
from seewhy.evaluation.tasks.pair_methods import Judging, judge_methods
from seewhy.methods.pairs.catalogue import pair_method
from seewhy.methods.pairs.matched_gradient import MatchedGradient
from seewhy.methods.pairs.matching import PatchMatching
from seewhy.methods.pairs.method import cosines
from seewhy.models.guard import fingerprint
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.load_images import load_image_encoder
from seewhy.models.preprocessing import Preprocessing


def smooth_encoder(site="0"):
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(128, 6),
    )
    return ImageEncoder(module, preprocess=Preprocessing(16), site=site)


def by_hand(encoder, first, second, sharpness):
    """The map of the first view of one pair, by autograd and the median."""
    one = first.clone().requires_grad_()
    cosines(encoder.embed(one), encoder.embed(second)).sum().backward()
    ground = torch.stack([channel.flatten().median() for channel in first[0]])
    gains = ((first[0] - ground[:, None, None]) * one.grad[0]).sum(dim=0)
    match = PatchMatching().maps(encoder, first, second).at_pixels(first.shape[2:], first.shape[2:])
    return gains * match.first[0].clamp(min=0) ** sharpness


@pytest.mark.parametrize("sharpness", [1.0, 4.0])
def test_it_is_its_formula(sharpness):
    encoder = smooth_encoder()
    first, second = torch.rand(2, 1, 3, 12, 16, generator=torch.Generator().manual_seed(1))
    found = MatchedGradient(sharpness).maps(encoder, first, second)
    assert_close(found.first[0], by_hand(encoder, first, second, sharpness))
    assert_close(found.second[0], by_hand(encoder, second, first, sharpness))
    assert (found.first < 0).any()


def test_a_batch_is_its_pairs_and_the_model_stays():
    encoder, method = golden_encoder(), MatchedGradient()
    before = fingerprint(encoder.module)
    pairs = [views(pair) for pair in range(3)]
    together = method.maps(encoder, *(torch.cat(each) for each in zip(*pairs, strict=True)))
    assert fingerprint(encoder.module) == before
    for number, (first, second) in enumerate(pairs):
        alone = method.maps(encoder, second, first)
        assert_close(together.first[number], alone.second[0])
        assert_close(together.second[number], alone.first[0])


def test_views_of_two_sizes():
    found = MatchedGradient().maps(
        golden_encoder(), torch.rand(2, 3, 45, 70), torch.rand(2, 3, 64, 51)
    )
    assert found.first.shape == (2, 45, 70)
    assert found.second.shape == (2, 64, 51)


def test_a_view_of_one_value_gives_nothing():
    """What all pixels have counts for nothing, unlike in input x gradient."""
    encoder = smooth_encoder()
    first, second = torch.rand(2, 1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    flat = torch.full_like(first, 0.3)
    found = MatchedGradient().maps(encoder, flat, second)
    assert found.first.abs().max() == 0
    assert any("same everywhere" in note for note in found.notes)
    assert pair_method("input-gradient").maps(encoder, flat, second).first.abs().max() > 0


def test_equal_views_have_no_map_but_a_note():
    first = torch.rand(1, 3, 16, 16)
    found = MatchedGradient().maps(smooth_encoder(), first, first)
    assert not found.first.any()
    assert any("no slope" in note for note in found.notes)
    kept = MatchedGradient(protocol="published").maps(smooth_encoder(), first, first)
    assert not any("no slope" in note for note in kept.notes)


def test_wrong_settings_and_encoders_are_refused():
    first, second = torch.rand(2, 1, 3, 16, 16)
    with pytest.raises(UsageError, match="sharpness is 0"):
        MatchedGradient(0.0).maps(smooth_encoder(), first, second)
    with pytest.raises(UsageError, match="names no submodule with maps"):
        MatchedGradient().maps(smooth_encoder(site=None), first, second)


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("embedded:ssl-simclr", scene_pairs(20, seed=3)),
        ("embedded:ssl-simclr", digit_pairs(20, seed=3)),
        ("embedded:ssl-barlow", scene_pairs(20, seed=3)),
    ],
    ids=["scenes", "digits", "barlow"],
)
def test_it_points_at_the_object_that_both_views_show(name, pairs):
    judging = Judging(("pointing",), side=64, pairs=20)
    methods = {"matched": MatchedGradient(), "gradient": pair_method("input-gradient")}
    found = judge_methods(load_image_encoder(name), methods, pairs, judging=judging)
    means = {method: figures["top region"].mean() for method, figures in found.items()}
    assert means["matched"] >= 0.85
    assert means["matched"] >= means["gradient"] + 0.3
