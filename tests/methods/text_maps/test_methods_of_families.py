"""Explanations of encoders of all families, in whatever state they are given."""

import numpy as np
import pytest
import torch
from tests.methods.text_maps.golden import picture
from tests.models.towers.small import ONE_OF_EACH, WORDS, small
from torch import nn

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.catalogue import MAP_METHODS, map_method
from seewhy.methods.text_maps.method import View
from seewhy.methods.text_maps.surgery import ClipSurgery
from seewhy.methods.text_maps.tokens import Surgery
from seewhy.models.framing import Framing
from seewhy.models.guard import fingerprint
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.towers import image_tower
from seewhy.passes.prompts import PromptEnsemble
from seewhy.results.parts import Heatmap

GRID = View(Framing(size=(48, 32)), "grid")
METHODS = (
    ClipSurgery(Surgery(depth=3), view=GRID),
    ClipSurgery(Surgery(depth=3), view=GRID, smoothing=3.0),
    map_method("raw", view=GRID),
)


def explained(encoder, method=METHODS[0], images=None):
    """Maps of "a" and "b" for each image, and the cosines of the whole images."""
    prompts = PromptEnsemble(encoder, ("{}",))
    found = method.explain(encoder, images or [picture()], list(WORDS[:2]), prompts=prompts)
    maps = [[part.values for part in each.parts if isinstance(part, Heatmap)] for each in found]
    return np.array(maps), np.array([each.parts[-1].scores for each in found])


def wrapped(encoder, wrap):
    """The same encoder around another module."""
    return OpenClipEncoder(
        wrap(encoder.module),
        preprocess=encoder.preprocessing,
        tokenizer=encoder.tokenizer,
        name=encoder.name,
    )


@pytest.fixture(params=[kind for kind in ONE_OF_EACH if kind != "siglip"] + ["siglip-registers"])
def encoder(request):
    return small(request.param)


@pytest.mark.parametrize("method", METHODS)
def test_images_have_maps_of_their_own_and_the_model_s_similarity(encoder, method):
    images = [picture(50, 40, 0), picture(20, 60, 1)]
    maps, whole = explained(encoder, method, images)
    assert maps.shape == (2, 2, 6, 4)
    assert np.isfinite(maps).all()
    assert np.ptp(maps, axis=(2, 3)).min() > 1e-4
    alone, _ = explained(encoder, method, images[1:])
    np.testing.assert_allclose(alone[0], maps[1], atol=1e-5)
    native = ClipSurgery(Surgery(depth=3), view=View(Framing("model"), "grid"))
    _, whole = explained(encoder, native, images)
    pixels = torch.stack([encoder.preprocess(image) for image in images])
    texts = encoder.encode_texts(WORDS[:2])
    np.testing.assert_allclose(whole, encoder.encode_images(pixels) @ texts.T, atol=1e-5)


def test_the_model_may_be_training_and_comes_back_as_it_came(encoder):
    wanted, _ = explained(encoder)
    encoder.module.train()
    for child in encoder.module.visual.modules():
        if isinstance(child, nn.Dropout):
            child.p = 0.5
    before = fingerprint(encoder.module)
    found, _ = explained(encoder)
    np.testing.assert_array_equal(found, wanted)
    assert fingerprint(encoder.module) == before


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("token", name) for name in ("raw", "grad-cam", "relevance")),
        *(("siglip-registers", name) for name in ("raw", "grad-cam")),
    ],
)
def test_contexts_of_the_user_change_nothing(kind, name):
    encoder, method = small(kind), map_method(name, view=GRID)
    wanted, _ = explained(encoder, method)
    for context in (
        torch.no_grad(),
        torch.inference_mode(),
        torch.autocast("cpu", torch.bfloat16),
    ):
        with context:
            found, _ = explained(encoder, method)
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", ["grad-cam", "relevance"])
def test_frozen_parameters_change_no_gradient(name):
    encoder, method = small("token"), map_method(name, view=GRID)
    wanted, _ = explained(encoder, method)
    for parameter in encoder.module.parameters():
        parameter.requires_grad_(False)
    before = fingerprint(encoder.module)
    found, _ = explained(encoder, method)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert fingerprint(encoder.module) == before


@pytest.mark.parametrize("kind", ["token", "siglip-registers"])
def test_wrappers_change_nothing(kind):
    wanted, _ = explained(small(kind))
    in_place = small(kind)
    in_place.module.visual.compile(backend="eager")
    compiled = wrapped(small(kind), lambda module: torch.compile(module, backend="eager"))
    for encoder in (in_place, compiled, wrapped(small(kind), nn.DataParallel)):
        found, _ = explained(encoder)
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", ["token", "query-norm", "siglip-registers", "coca"])
def test_lower_precision_is_close(kind, dtype):
    encoder = small(kind)
    wanted, _ = explained(encoder)
    encoder.module.to(dtype)
    found, _ = explained(encoder)
    assert np.abs(found - wanted).max() < 0.05 * np.abs(wanted).max()


@pytest.mark.parametrize("kind", ["token", "siglip-registers"])
def test_weights_that_are_not_there_are_asked_for(kind):
    encoder = small(kind)
    encoder.module.visual.to("meta")
    with pytest.raises(UsageError, match="Load them first"):
        explained(encoder)


NEED_A_CLASS_TOKEN = ("attention", "rollout", "relevance")
DEEP_ENOUGH = sorted(set(MAP_METHODS) - {"clip-surgery", "smoothed-surgery"})


@pytest.mark.parametrize("name", DEEP_ENOUGH)
@pytest.mark.parametrize("kind", ["query-norm", "registers", "open-clip-mean", "siglip-registers"])
def test_every_method_has_maps_of_every_family_or_says_that_it_has_none(kind, name):
    encoder, method = small(kind), map_method(name, view=GRID)
    before = fingerprint(encoder.module)
    if name in NEED_A_CLASS_TOKEN and image_tower(encoder).pooling != "class-token":
        with pytest.raises(UsageError, match="starts at the token that the embedding is read off"):
            explained(encoder, method)
    else:
        maps, _ = explained(encoder, method)
        assert maps.shape == (1, 2, 6, 4)
        assert np.isfinite(maps).all()
    assert fingerprint(encoder.module) == before
