from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from tests.methods.pairs.golden import golden_encoder
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.data.planted_pairs import digit_pairs, scene_pairs
from seewhy.evaluation.pairs.curves import Steps, change_curves
from seewhy.evaluation.pairs.explained import explained_pairs
from seewhy.evaluation.tasks.pair_baselines import CentredGaussian, RandomRanking
from seewhy.evaluation.tasks.pair_methods import (
    Judging,
    defined_pairs,
    judge_methods,
    leads,
    mean_figures,
    planted_views,
)
from seewhy.methods.pairs.method import PairMaps, PairMethod
from seewhy.models.guard import fingerprint
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.preprocessing import Preprocessing

PAIRS = scene_pairs(5, seed=1)
JUDGING = Judging(pairs=2, side=32, steps=Steps(256))


@dataclass(frozen=True)
class Knowing(PairMethod):
    """Has been told the masks."""

    masks: dict

    name = "knowing"

    def compute(self, _encoder, first, second):
        maps = ([self.masks[float(each.sum())] for each in views] for views in (first, second))
        return PairMaps(*(torch.stack(each).float() for each in maps), torch.zeros(len(first)))


def knowing(encoder):
    views = planted_views(encoder, PAIRS, side=32)
    sides = ((views.first, views.first_masks), (views.second, views.second_masks))
    return Knowing(
        {float(p.sum()): m for pixels, masks in sides for p, m in zip(pixels, masks, strict=True)}
    )


@pytest.fixture(scope="module")
def judged():
    encoder = golden_encoder()
    methods = {each.name: each for each in (knowing(encoder), RandomRanking(), CentredGaussian())}
    before = fingerprint(encoder.module)
    judging = Judging(
        ("pointing", "curves", "masking", "sensitivity", "wrong pair"),
        **{name: getattr(JUDGING, name) for name in ("pairs", "side", "steps")},
    )
    known = {name: methods[name] for name in methods if name != "knowing"}
    found = judge_methods(encoder, known, PAIRS, judging=judging)
    found |= judge_methods(encoder, {"knowing": methods["knowing"]}, PAIRS, judging=JUDGING)
    assert fingerprint(encoder.module) == before
    return found


def test_who_knows_the_masks_points_at_them(judged):
    for name in ("pointing", "top region", "energy", "pixel AP", "AUROC"):
        assert_allclose(judged["knowing"][name], 1)
        assert judged["random ranking"][name].mean() < 0.7


def test_each_pair_has_each_figure(judged):
    assert {len(values) for figures in judged.values() for values in figures.values()} == {5}
    gaussian = judged["centred Gaussian"]
    assert_allclose(gaussian["max sensitivity"], 0)
    assert_allclose(gaussian["wrong pair, rank correlation"], 1)
    assert_allclose(gaussian["wrong pair, pointing, first"], gaussian["pointing, first"])
    assert judged["random ranking"].keys() == gaussian.keys()
    assert np.isfinite(judged["knowing"]["insertion, conditional"]).all()


def test_curves_are_those_of_the_metrics(judged):
    encoder = golden_encoder()
    views = planted_views(encoder, PAIRS[2:3], side=32)
    maps = CentredGaussian().maps(encoder, views.first, views.second)
    pairs = explained_pairs(views.first, views.second, maps)
    areas = change_curves(encoder.embed, pairs, change="deletion", steps=Steps(256)).areas
    figures = judged["centred Gaussian"]
    assert_allclose(figures["similarity"][2], maps.similarity[0], rtol=1e-5)
    expected = (areas.first + areas.second).item() / 2
    assert figures["deletion, conditional"][2] == pytest.approx(expected, rel=1e-4)
    assert figures["deletion, simultaneous"][2] == pytest.approx(areas.both.item(), rel=1e-4)


def test_means_have_intervals_and_leads_are_taken_pair_by_pair(judged):
    means = mean_figures(judged, resamples=100)
    for name, figures in means.items():
        for figure, interval in figures.items():
            values = judged[name][figure]
            assert interval.value == pytest.approx(np.nanmean(values))
            assert np.nanmin(values) - 1e-9 <= interval.low <= interval.value + 1e-9
            assert interval.value - 1e-9 <= interval.high <= np.nanmax(values) + 1e-9
    over = leads(judged, "random ranking", resamples=100)
    assert set(over) == {"centred Gaussian", "knowing"}
    lead = over["knowing"]["AUROC"].value
    assert lead == pytest.approx(
        means["knowing"]["AUROC"].value - means["random ranking"]["AUROC"].value
    )
    assert over["knowing"]["AUROC"].low > 0


def test_means_say_over_how_many_pairs_they_are_taken(judged):
    found = {"some": {"drop": np.array([0.5, np.nan, 1.0])}}
    assert defined_pairs(found) == {"some": {"drop": 2}}
    assert mean_figures(found, resamples=10)["some"]["drop"].value == 0.75
    alike = int((judged["centred Gaussian"]["similarity"] > 0).sum())
    assert defined_pairs(judged)["centred Gaussian"]["drop, conditional"] == alike


def test_masks_go_the_way_of_the_pixels():
    """Through normalising, resizing and cropping; white on black becomes its own mask."""

    def cropped(image):
        return Preprocessing(24)(image.resize((40, 40)).crop((8, 8, 32, 32)))

    encoder = ImageEncoder(nn.Flatten(), preprocess=cropped, name="flat")
    views = planted_views(encoder, digit_pairs(3), side=32)
    drawn = [pair.draw(320) for pair in digit_pairs(3)]
    for pair, mask in zip(drawn, views.first_masks, strict=True):
        expected = pair.masks[0][64:256, 64:256].reshape(24, 8, 24, 8).mean(axis=(1, 3)) > 0.5
        assert mask.shape == (24, 24)
        assert (mask.numpy() == expected).mean() > 0.95


def test_there_must_be_something_to_judge():
    encoder = golden_encoder()
    with pytest.raises(UsageError, match="some of both"):
        judge_methods(encoder, {}, PAIRS)
    with pytest.raises(UsageError, match="no method 'x'"):
        leads({"y": {"z": np.zeros(2)}}, "x")
