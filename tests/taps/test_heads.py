"""A head is the layer whose weights, applied to its features, are the logits."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.classifiers import Classifier
from seewhy.models.guard import fingerprint
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.tiny import tiny_classifier
from seewhy.taps.heads import find_head, head_features

FAMILIES = ["resnet", "vgg", "densenet", "efficientnet", "convnext", "mobilenet"]


def classifier(*layers):
    torch.manual_seed(0)
    return Classifier(nn.Sequential(*layers), preprocess=Preprocessing(8), classes=["a", "b"])


def pixels_for(model, images=4):
    noise = np.random.default_rng(1).integers(256, size=(images, 16, 16, 3), dtype=np.uint8)
    return torch.stack([model.preprocess(Image.fromarray(each)) for each in noise])


@pytest.mark.parametrize("family", FAMILIES)
def test_features_times_weights_are_the_logits(family):
    model = tiny_classifier(family)
    head = find_head(model)
    seen = head_features(model, head, pixels_for(model))
    assert_close(seen.logits, model.logits(pixels_for(model)))
    assert_close(head.logits(seen.features), seen.logits, rtol=1e-4, atol=1e-5)
    assert head.weight.shape == (3, seen.features.shape[1])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_model_is_left_as_found(family):
    model = tiny_classifier(family)
    model.module.train()
    before = fingerprint(model.module)
    head = find_head(model)
    head_features(model, head, pixels_for(model))
    assert fingerprint(model.module) == before


def pooled():
    return nn.AdaptiveAvgPool2d(1)


@pytest.mark.parametrize(
    "ending",
    [
        (pooled(), nn.Conv2d(4, 2, 1), nn.Flatten()),
        (nn.Conv2d(4, 2, 1), pooled(), nn.Flatten()),
        (pooled(), nn.Conv2d(4, 2, 1, bias=False), nn.Flatten()),
    ],
)
def test_a_pointwise_convolution_can_be_the_head_before_or_after_pooling(ending):
    model = classifier(nn.Conv2d(3, 4, 3), nn.ReLU(), *ending)
    head = find_head(model)
    seen = head_features(model, head, pixels_for(model))
    assert_close(seen.features, model.module[:2](pixels_for(model)).mean(dim=(2, 3)).detach())
    assert_close(head.logits(seen.features), seen.logits, rtol=1e-4, atol=1e-6)


def test_of_two_layers_of_one_size_the_last_is_the_head():
    model = classifier(pooled(), nn.Flatten(), nn.Linear(3, 2), nn.Linear(2, 2))
    assert find_head(model).name == "3"


def test_a_layer_that_is_not_called_is_no_head():
    model = classifier(pooled(), nn.Flatten(), nn.Linear(3, 2))
    model.module[2].spare = nn.Linear(3, 2)
    assert find_head(model).name == "2"


def test_half_precision_is_enough():
    model = classifier(pooled(), nn.Flatten(), nn.Linear(3, 2))
    model.module.to(torch.bfloat16)
    assert find_head(model).weight.dtype == torch.float32


class Scaled(nn.Module):
    def forward(self, logits):
        return logits / 1.5


@pytest.mark.parametrize(
    "last",
    [nn.Softmax(dim=1), nn.ReLU(), Scaled(), nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))],
)
def test_what_follows_the_last_linear_layer_hides_it(last):
    model = classifier(pooled(), nn.Flatten(), nn.Linear(3, 2), last)
    if isinstance(last, nn.Sequential):
        assert find_head(model).name == "3.1"
    else:
        with pytest.raises(UsageError, match="no linear layer whose output is its 2 class scores"):
            find_head(model)


def test_a_grouped_convolution_and_a_wide_one_are_no_heads():
    wide = classifier(nn.Conv2d(3, 2, 8), nn.Flatten())
    grouped = classifier(nn.Conv2d(3, 4, 1), pooled(), nn.Conv2d(4, 2, 1, groups=2), nn.Flatten())
    for model in (wide, grouped):
        with pytest.raises(UsageError, match="no linear layer"):
            find_head(model)


class MeanOfTokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(3, 2)

    def forward(self, pixels):
        return self.head(pixels.flatten(2).transpose(1, 2)).mean(dim=1)


def test_a_layer_on_many_tokens_is_no_head():
    model = classifier(MeanOfTokens())
    with pytest.raises(UsageError, match="no linear layer"):
        find_head(model)
