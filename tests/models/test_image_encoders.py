import pytest
import torch
from PIL import Image
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.guard import differentiation, fingerprint, inference
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.ssl.pooled import PooledEncoder


def convolutional(**options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        features = nn.Sequential(nn.Conv2d(3, 6, 3, stride=4, padding=1), nn.ReLU())
        module = PooledEncoder(features, nn.Linear(6, 5, bias=False))
    return ImageEncoder(module, preprocess=Preprocessing(16), **options)


class Tokens(nn.Module):
    """A class token, then patches of 4 x 8 pixels, whose mean is the embedding."""

    def __init__(self, prefix=1):
        super().__init__()
        self.patches = nn.Conv2d(3, 7, (4, 8), stride=(4, 8))
        self.norm = nn.LayerNorm(7)
        self.prefix = prefix

    def forward(self, pixels):
        tokens = self.patches(pixels).flatten(2).transpose(1, 2)
        prefix = tokens.mean(dim=1, keepdim=True).expand(-1, self.prefix, -1)
        return self.norm(torch.cat([prefix, tokens], dim=1))[:, self.prefix :].mean(dim=1)


def pixels(images=3, height=16, width=24):
    return torch.randn(images, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_embeddings_are_those_of_the_module_in_float32_and_of_any_length():
    encoder = convolutional()
    with inference(encoder.module):
        found = encoder.embed(pixels())
        expected = encoder.module(pixels())
    assert_close(found, expected)
    assert found.dtype == torch.float32
    encoder.module.to(torch.bfloat16)
    with inference(encoder.module):
        low = encoder.embed(pixels())
    assert low.dtype == torch.float32
    assert_close(low, expected.clone(), atol=0.05, rtol=0.05)


def test_gradients_reach_the_pixels_and_no_parameter():
    encoder = convolutional()
    before = fingerprint(encoder.module)
    with differentiation(encoder.module):
        seen = pixels().requires_grad_()
        encoder.embed(seen)[:, 0].sum().backward()
    assert seen.grad is not None
    assert seen.grad.abs().sum() > 0
    assert fingerprint(encoder.module) == before


def test_maps_lead_to_the_embedding_by_mean_and_head():
    encoder = convolutional(site="features")
    with differentiation(encoder.module):
        mapped = encoder.embed_maps(pixels())
        assert mapped.grid == (4, 6)
        maps = mapped.maps(mapped.source)
        again = encoder.module.head(maps.mean(dim=(2, 3)))
        (gradient,) = torch.autograd.grad(mapped.embeddings[:, 2].sum(), mapped.source)
    assert_close(again, mapped.embeddings)
    # d embedding / d map is the head's weight, shared by all places.
    expected = encoder.module.head.weight[2][None, :, None, None].detach() / 24
    assert_close(gradient, expected.expand(3, 6, 4, 6))


def test_gradients_begin_at_the_maps_even_where_pixels_ask_for_them():
    encoder = convolutional(site="features")
    with differentiation(encoder.module):
        seen = pixels().requires_grad_()
        mapped = encoder.embed_maps(seen)
        mapped.embeddings.sum().backward()
    assert seen.grad is None
    assert mapped.source.grad is not None


def test_what_follows_the_maps_may_write_into_them():
    """As torchvision's DenseNet does."""
    convolution = nn.Conv2d(3, 6, 3, stride=4, padding=1)
    ends = nn.AdaptiveAvgPool2d(1), nn.Flatten()
    module = nn.Sequential(convolution, nn.ReLU(inplace=True), *ends)
    with differentiation(module):
        mapped = ImageEncoder(module, preprocess=Preprocessing(16), site="0").embed_maps(pixels())
        (gradient,) = torch.autograd.grad(mapped.embeddings.sum(), mapped.source)
        assert_close(mapped.source, convolution(pixels()))
    assert_close(gradient, (mapped.source > 0) / 24)


@pytest.mark.parametrize("prefix", [0, 1, 3])
def test_tokens_become_maps_without_those_of_no_place(prefix):
    module = Tokens(prefix)
    encoder = ImageEncoder(module, preprocess=Preprocessing(16), site="norm", patch=(4, 8))
    with differentiation(module):
        mapped = encoder.embed_maps(pixels())
        maps = mapped.maps(mapped.source)
        (gradient,) = torch.autograd.grad(mapped.embeddings.sum(), mapped.source)
    assert mapped.grid == (4, 3)
    assert maps.shape == (3, 7, 4, 3)
    assert_close(maps[:, :, 2, 1], mapped.source[:, prefix + 2 * 3 + 1])
    assert_close(mapped.maps(gradient), torch.full((3, 7, 4, 3), 1 / 12))


def test_the_module_is_left_as_it_was_found_also_after_an_error():
    encoder = convolutional(site="features.0")
    encoder.module.train()
    before = fingerprint(encoder.module)
    with differentiation(encoder.module):
        encoder.embed_maps(pixels())
    with (
        pytest.raises(UsageError, match="failed on a batch of shape"),
        differentiation(encoder.module),
    ):
        encoder.embed_maps(torch.zeros(1, 3, 0, 8))
    assert fingerprint(encoder.module) == before


def test_the_whole_batch_is_its_images_one_by_one():
    encoder = convolutional(site="features")
    with inference(encoder.module):
        together = encoder.embed(pixels())
        alone = torch.cat([encoder.embed(one[None]) for one in pixels()])
    assert_close(together, alone)


def test_its_name_is_the_given_one_or_the_modules():
    assert convolutional().name == "PooledEncoder"
    assert convolutional(name="mine", notes=["untrained"]).notes == ("untrained",)
    encoder = convolutional(name="mine")
    assert encoder.name == "mine"
    assert encoder.preprocess(Image.new("RGB", (40, 20))).shape == (3, 16, 16)


class Gives(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.output = output
        self.inner = nn.Identity()

    def forward(self, pixels):
        self.inner(pixels)
        self.inner(pixels)
        return self.output(pixels)


class Pair(nn.Module):
    def forward(self, pixels):
        return pixels, pixels


def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match=r"no submodule 'feature' in PooledEncoder. Nearest: feat"):
        convolutional(site="feature")
    with pytest.raises(UsageError, match="names no submodule with maps"):
        convolutional().embed_maps(pixels())
    preprocess = Preprocessing(16)
    for output, given in (
        (lambda seen: seen, r"\(3, 3, 16, 24\)"),
        (lambda seen: seen[:1, :, 0, 0], r"\(1, 3\)"),
        (lambda seen: [seen], "list"),
    ):
        with pytest.raises(UsageError, match=f"gave {given} for 3 images"):
            ImageEncoder(Gives(output), preprocess=preprocess).embed(pixels())
    twice = ImageEncoder(
        Gives(lambda seen: seen.mean(dim=(2, 3))), preprocess=preprocess, site="inner"
    )
    with pytest.raises(UsageError, match="was called 2 times"):
        twice.embed_maps(pixels())
    flat = ImageEncoder(Tokens(), preprocess=preprocess, site="norm")
    with pytest.raises(UsageError, match=r"gives shape \(3, 13, 7\)"):
        flat.embed_maps(pixels())
    pair = ImageEncoder(nn.Sequential(Pair()), preprocess=preprocess, site="0")
    with pytest.raises(UsageError, match="gave tuple, not a tensor"):
        pair.embed_maps(pixels())
