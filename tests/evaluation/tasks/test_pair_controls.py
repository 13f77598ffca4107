from dataclasses import dataclass

import pytest
import torch
from numpy.testing import assert_allclose
from tests.methods.pairs.golden import golden_encoder, views

from seewhy.evaluation.pairs.sensitivity import max_sensitivity
from seewhy.evaluation.tasks.pair_baselines import CentredGaussian
from seewhy.evaluation.tasks.pair_controls import (
    randomisation_check,
    sensitivity_check,
    wrong_pair_check,
)
from seewhy.methods.pairs.method import PairMaps, PairMethod
from seewhy.models.guard import differentiation, fingerprint


@dataclass(frozen=True)
class Gradient(PairMethod):
    """Depends on the model and on the other view."""

    name = "gradient"

    def compute(self, encoder, first, second):
        with differentiation(encoder.module):
            ends = [each.clone().requires_grad_() for each in (first, second)]
            similarity = torch.cosine_similarity(*(encoder.embed(each) for each in ends))
            found = torch.autograd.grad(similarity.sum(), ends)
        return PairMaps(*(each.abs().amax(dim=1) for each in found), similarity.detach())


@dataclass(frozen=True)
class Edges(PairMethod):
    """Depends on the view alone."""

    name = "edges"

    def compute(self, _encoder, first, second):
        maps = (each.mean(dim=1).diff(dim=1).abs() for each in (first, second))
        return PairMaps(*maps, torch.zeros(len(first)))


def test_an_edge_detector_outlives_the_weights_and_a_gradient_does_not():
    encoder = golden_encoder()
    before = fingerprint(encoder.module)
    edges = randomisation_check(Edges(), encoder, views(), stages=7)
    gradients = randomisation_check(Gradient(), encoder, views(), stages=7)
    assert fingerprint(encoder.module) == before
    assert [each.until for each in gradients] == [
        *("head.3", "head.1", "head.0", "net.6", "net.4", "net.3", "net.0")
    ]
    for stage in edges:
        assert_allclose(stage.agreement.rank_correlation, 1)
        assert_allclose(stage.agreement.structural_similarity, 1, atol=1e-6)
    assert abs(gradients[-1].agreement.rank_correlation).max() < 0.3
    assert gradients[-1].agreement.structural_similarity.max() < 0.5


def test_a_stranger_changes_a_gradient_and_no_edges():
    encoder, (first, second) = golden_encoder(), views()
    strangers = second.roll(1, dims=0)
    edges = wrong_pair_check(Edges(), encoder, (first, second), strangers=strangers)
    assert_allclose(edges.agreement.rank_correlation, 1)
    found = wrong_pair_check(Gradient(), encoder, (first, second), strangers=strangers)
    assert found.agreement.rank_correlation.max() < 0.95
    same = wrong_pair_check(Gradient(), encoder, (first, second), strangers=second)
    assert_allclose(same.agreement.rank_correlation, 1)
    assert torch.equal(found.maps, Gradient().maps(encoder, first, strangers).first)


def test_sensitivity_is_that_of_noisy_views_and_none_without_a_model():
    encoder, both = golden_encoder(), views()

    def check(method, draws=3, radius=0.2):
        generator = torch.Generator().manual_seed(0)
        return sensitivity_check(
            method, encoder, both, generator=generator, draws=draws, radius=radius
        )

    assert check(CentredGaussian()).tolist() == [0, 0, 0]
    few, many, near = check(Gradient(), 2), check(Gradient(), 4), check(Gradient(), 2, 1e-4)
    assert (few <= many).all()
    assert (near < few).all()
    original, black = (
        Gradient().maps(encoder, *both),
        Gradient().maps(encoder, *(0.5 * each for each in both)),
    )
    assert (max_sensitivity(original, [black]) > 0).all()


@pytest.mark.parametrize("pair", [0, 2])
def test_a_pair_has_the_same_figures_alone(pair):
    encoder, both = golden_encoder(), views()
    figures = [
        sensitivity_check(
            Gradient(), encoder, views_of, generator=torch.Generator().manual_seed(0), draws=2
        )
        for views_of in (both, views(pair))
    ]
    assert_allclose(figures[0][pair : pair + 1], figures[1], rtol=1e-3)
