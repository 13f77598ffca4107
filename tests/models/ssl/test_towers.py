import pytest
import torch
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.classifiers import Classifier
from seewhy.models.guard import fingerprint, inference
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.ssl.towers import Place, encoder_of_images, find_place
from seewhy.models.tiny import tiny_classifier, tiny_dual_encoder

FAMILIES = ("resnet", "vgg", "densenet", "efficientnet", "convnext", "mobilenet")


def pixels(side=32):
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_follow_from_the_features_by_the_last_linear_layer(family):
    scores = tiny_classifier(family).logits(pixels())
    module = tiny_classifier(family).module
    last = [child for child in module.modules() if isinstance(child, nn.Linear)][-1]
    encoder = encoder_of_images(tiny_classifier(family))
    with inference(encoder.module):
        features = encoder.embed(pixels())
        assert_close(last(features), scores)
    whole = encoder_of_images(tiny_classifier(family), compared="head")
    with inference(whole.module):
        assert_close(whole.embed(pixels()), scores)
    assert encoder.site is not None


def test_looking_for_the_place_leaves_the_module_as_it_was():
    module = tiny_classifier().module
    module.train()
    before = fingerprint(module)
    assert find_place(module, pixels()[0]).site is not None
    assert fingerprint(module) == before


def test_places_are_the_last_maps_or_what_the_last_attention_reads():
    vit = tiny_dual_encoder("vit").module.visual
    assert find_place(vit, pixels()[0]) == Place("transformer.resblocks.4.ln_1", (8, 8))
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4))
    assert find_place(flat, pixels()[0]) == Place()
    repeated = nn.ReLU()
    convolutions = nn.Sequential(nn.Conv2d(3, 4, 3), repeated, nn.Conv2d(4, 5, 3), repeated)
    assert find_place(convolutions, pixels()[0]) == Place("2")


def test_a_classifier_without_a_linear_layer_has_no_features():
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    classifier = Classifier(module, preprocess=Preprocessing(32))
    with pytest.raises(UsageError, match="has no linear layer at its end"):
        encoder_of_images(classifier)
    assert encoder_of_images(classifier, compared="head").site == "0"


def test_an_unknown_tower_has_joint_embeddings_only():
    dual = tiny_dual_encoder("vit")
    dual.module.visual = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(UsageError, match="its image tower is a Sequential"):
        encoder_of_images(dual, compared="features")
    assert encoder_of_images(dual).site == "0"
