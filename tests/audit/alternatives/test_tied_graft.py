import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from tests.audit.planted_readings import CONCEPTS
from torch import nn
from torch.testing import assert_close

from seewhy.audit.alternatives.tied_graft import (
    above_median,
    attribution,
    holding,
    right_contrasts,
    unit_attributions,
)
from seewhy.methods.grafting.graft import Graft, grafted_similarities
from seewhy.methods.grafting.matching import match_units
from seewhy.models.classifiers import Classifier
from seewhy.models.guard import fingerprint
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.sites import Site
from seewhy.models.tiny import SIDE, tiny_classifier, tiny_dual_encoder

PIXELS = torch.rand(20, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def test_attribution_by_hand():
    maps = torch.tensor([[[[1.0, 3.0]], [[0.0, 0.0]]], [[[-1.0, 1.0]], [[4.0, 4.0]]]])
    gradients = torch.ones_like(maps) * torch.tensor([2.0, -1.0])[None, :, None, None]
    # Deviations from the mean 1: (0, 2), (-2, 0); from the mean 2: (-2, -2), (2, 2).
    assert_close(attribution(maps, gradients), torch.tensor([4.0, 4.0]))


def test_of_a_linear_network_the_attribution_is_that_of_its_weights():
    convolution, head = nn.Conv2d(3, 4, 1), nn.Linear(4, 2)
    module = nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    model = Classifier(module, preprocess=Preprocessing(SIDE), classes=["a", "b"])
    (found,) = unit_attributions(model, [Site("0")], PIXELS)
    with torch.no_grad():
        means = convolution(PIXELS).mean(dim=(2, 3))
        effects = (head.weight[0] - head.weight[1]).abs() / 2
        wanted = effects * (means - means.mean(dim=0)).abs().mean(dim=0)
    assert_close(found, wanted)


@pytest.mark.parametrize("family", ["resnet", "vgg", "densenet", "mobilenet"])
def test_the_model_is_left_as_found(family):
    model = tiny_classifier(family)
    model.module.train()
    before = fingerprint(model.module)
    found = unit_attributions(model, model.sites(), PIXELS[:4])
    assert fingerprint(model.module) == before
    assert all(each.isfinite().all() for each in found)


def test_half_of_each_layer_is_above_its_median():
    halves = above_median([torch.tensor([3.0, 1.0, 2.0, 0.0]), torch.tensor([0.0, 5.0, 0.0])])
    assert halves.tolist() == [True, False, True, False, True, True, False]


def test_a_graft_that_holds_nothing_is_the_whole_one_and_one_that_holds_all_sees_nothing():
    model, encoder = tiny_classifier(), tiny_dual_encoder()
    texts = encoder.encode_texts(["a red digit", "a green digit"])
    matched = match_units(model, encoder, [(PIXELS, PIXELS)])
    units = len(matched.sources.std)

    def read(kept):
        return grafted_similarities(
            model,
            encoder,
            Graft(holding(matched, torch.full((units,), kept))),
            (PIXELS, PIXELS),
            text_embeddings=texts,
        )

    whole = grafted_similarities(
        model, encoder, Graft(matched), (PIXELS, PIXELS), text_embeddings=texts
    )
    assert_close(read(True), whole)
    assert_close(read(False)[:, 0], whole[:, 0])
    assert_close(read(False)[:, -1], read(False)[:1, -1].expand(20, 2))


def test_the_right_contrast_by_hand():
    # Red: mean of 0.4 and 0.2 is 0.3, green is 0.1, so red stands 0.1 above their mean.
    similarities = np.array([[0.4, 0.2, 0.1, 0.5, 0.3], [0.4, 0.2, 0.1, 0.5, 0.3]])
    found = right_contrasts(similarities, np.array([[0, 1], [0, 1]]), CONCEPTS)
    assert_allclose([found["colour"], found["shape"]], [0.1, -0.1])
    mixed = right_contrasts(similarities, np.array([[0, 0], [1, 1]]), CONCEPTS)
    assert_allclose([mixed["colour"], mixed["shape"]], [0, 0], atol=1e-12)
