import torch
from torch import nn
from torch.nn import functional

from seewhy.methods.pairs.objectives import FeatureSimilarity, MixtureStrength


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_similarity_is_a_cosine_plus_a_distance():
    features, target = drawn(2, 3, 4, 4), drawn(2, 3, 4, 4, seed=1)
    cosine = functional.cosine_similarity(features.flatten(1), target.flatten(1))
    torch.testing.assert_close(FeatureSimilarity()(features, target), cosine)
    distance = (features - target).square().mean(dim=(1, 2, 3))
    found = FeatureSimilarity(distance_weight=0.5)(features, target)
    torch.testing.assert_close(found, cosine + 0.5 * distance)
    torch.testing.assert_close(FeatureSimilarity()(3 * target, target), torch.ones(2).double())


def test_strength_is_the_length_of_the_mixture_and_its_slope_the_direction():
    features, target = drawn(2, 6).requires_grad_(), drawn(2, 6, seed=1)
    mixture = 0.3 * features.detach() + 0.7 * target
    value = MixtureStrength(share=0.3)(features, target)
    torch.testing.assert_close(value, mixture.norm(dim=1))
    (slope,) = torch.autograd.grad(value.sum(), features)
    torch.testing.assert_close(slope, mixture / mixture.norm(dim=1, keepdim=True))


def test_the_published_quirk_opens_closed_relus():
    target = torch.tensor([[1.0, 1.0]])
    slopes = {}
    for protocol in ("mended", "published"):
        inputs = torch.tensor([[2.0, -2.0]], requires_grad=True)
        value = MixtureStrength(share=0.5, protocol=protocol)(nn.ReLU()(inputs), target)
        (slopes[protocol],) = torch.autograd.grad(value.sum(), inputs)
    assert slopes["mended"][0, 1] == 0 < slopes["published"][0, 1]
    assert slopes["mended"][0, 0] == slopes["published"][0, 0]


def test_no_features_give_no_slope_and_no_nan():
    features = torch.zeros(1, 4, requires_grad=True)
    for objective in (FeatureSimilarity(), MixtureStrength()):
        (slope,) = torch.autograd.grad(objective(features, torch.zeros(1, 4)).sum(), features)
        assert slope.tolist() == [[0, 0, 0, 0]]
