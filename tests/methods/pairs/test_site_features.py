import pytest
import torch
from tests.methods.pairs.golden import golden_encoder, views

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.site_features import features_at, site_name
from seewhy.models.guard import differentiation, fingerprint
from seewhy.models.image_encoders import ImageEncoder


def test_features_are_the_output_of_the_submodule():
    encoder = golden_encoder()
    images = views()[0]
    for end in (1, 4, 8):
        expected = encoder.module.net[:end](images)
        assert torch.equal(features_at(encoder, f"net.{end - 1}")(images), expected)
    assert torch.equal(features_at(encoder)(images), encoder.module.net(images))


def test_without_a_site_they_are_the_embedding():
    encoder = golden_encoder()
    bare = ImageEncoder(encoder.module, preprocess=encoder.preprocess)
    assert torch.equal(features_at(bare)(views()[0]), encoder.embed(views()[0]))
    assert (site_name(bare, None), site_name(encoder, None)) == ("embedding", "net.7")
    assert site_name(encoder, "net.1") == "net.1"


def test_nothing_behind_the_site_is_computed():
    encoder = golden_encoder()
    called = []
    encoder.module.net[4].register_forward_hook(lambda *_: called.append("behind"))
    encoder.module.net[2].register_forward_hook(lambda *_: called.append("before"))
    features_at(encoder, "net.3")(views()[0])
    assert called == ["before"]


def test_gradients_reach_the_pixels_and_the_model_is_left_as_found():
    encoder = golden_encoder()
    before = fingerprint(encoder.module)
    pixels = views()[0].requires_grad_()
    with differentiation(encoder.module):
        found = features_at(encoder, "net.5")(pixels)
        (slopes,) = torch.autograd.grad(found.square().sum(), pixels)
    (expected,) = torch.autograd.grad(encoder.module.net[:6](pixels).square().sum(), pixels)
    torch.testing.assert_close(slopes, expected)
    assert fingerprint(encoder.module) == before


def test_what_is_not_there_is_refused():
    encoder = golden_encoder()
    with pytest.raises(UsageError, match=r"no submodule 'net\.9'"):
        features_at(encoder, "net.9")(views()[0])
    with pytest.raises(UsageError, match="golden failed on a batch"):
        features_at(encoder, "head")(torch.zeros(1, 3, 0, 4))
