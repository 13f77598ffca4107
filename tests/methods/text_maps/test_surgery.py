from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tests.methods.text_maps.asking import SHALLOW, TEXTS, asked, heat
from tests.methods.text_maps.golden import picture
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.features import scaled, similarities, smoothed
from seewhy.methods.text_maps.method import View
from seewhy.methods.text_maps.surgery import ClipSurgery, ReverseMaps
from seewhy.methods.text_maps.tokens import Surgery, surgery_tokens
from seewhy.models.embedded import load_embedded
from seewhy.models.framing import Framing
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.towers import image_tower
from seewhy.passes.prompts import PromptEnsemble


@pytest.fixture(params=["vit", "resnet"])
def encoder(request):
    return tiny_dual_encoder(request.param)


def test_it_does_what_its_formulas_say(encoder):
    method = ClipSurgery(SHALLOW, view=View(Framing(size=64), "grid"))
    (found,) = asked(encoder, method)
    pixels = method.view.framing.preprocessing(encoder)(picture())[None]
    with torch.no_grad():
        patches = surgery_tokens(image_tower(encoder), pixels, SHALLOW).patches
    prompts = PromptEnsemble(encoder, ("{}", "a photo of the {}"))
    texts = prompts.embeddings([*TEXTS, ""])
    like = similarities(patches.flatten(1, 2), texts)[0].reshape(*patches.shape[1:3], 4)
    wanted = (like[..., :3] - like[..., 3:]).permute(2, 0, 1)
    np.testing.assert_allclose(heat(found), wanted.numpy(), atol=1e-6)
    (ranged,) = asked(encoder, ClipSurgery(SHALLOW, view=replace(method.view, scaling="min-max")))
    unscaled = torch.from_numpy(heat(found))[None]
    np.testing.assert_allclose(heat(ranged), scaled(unscaled)[0].numpy(), atol=1e-6)
    (drawn,) = asked(encoder, ClipSurgery(SHALLOW, view=replace(method.view, frame="input")))
    larger = functional.interpolate(wanted[None], (64, 64), mode="bilinear")[0]
    np.testing.assert_allclose(heat(drawn), larger.numpy(), atol=1e-6)


def test_a_map_depends_on_other_texts_only_where_they_are_compared(encoder):
    (one,), (many,) = asked(encoder, texts=TEXTS[:1]), asked(encoder, others=["green", "blue"])
    np.testing.assert_allclose(heat(one)[0], heat(many)[0], atol=1e-6)
    for removal in ("common", "weighted-common"):
        method = ClipSurgery(SHALLOW, removal)
        (few,), (more,) = asked(encoder, method), asked(encoder, method, others=["green", "blue"])
        assert len(heat(more)) == len(TEXTS)
        assert np.abs(heat(few) - heat(more)).max() > 1e-4
        np.testing.assert_allclose(heat(few).sum(axis=0), 0, atol=1e-6)


def test_without_surgery_maps_are_the_raw_ones(encoder):
    raw = ClipSurgery(None, "nothing", view=View(Framing(size=64), "grid"))
    (found,), (other,) = (
        asked(encoder, raw),
        asked(encoder, replace(raw, surgery=SHALLOW)),
    )
    assert found.provenance["method"] == "raw"
    assert np.abs(heat(found) - heat(other)).max() > 1e-3


def test_smoothing_shares_what_is_left_among_like_patches(encoder):
    view = View(Framing(size=64), "grid")
    (plain,), (smooth,) = (
        asked(encoder, ClipSurgery(SHALLOW, view=view, smoothing=smoothing))
        for smoothing in (None, 3.0)
    )
    pixels = view.framing.preprocessing(encoder)(picture())[None]
    with torch.no_grad():
        patches = surgery_tokens(image_tower(encoder), pixels, SHALLOW).patches
    found = torch.from_numpy(heat(plain)).flatten(1).T[None]
    wanted = smoothed(found, patches.flatten(1, 2), sharpness=3.0)[0].T
    np.testing.assert_allclose(heat(smooth), wanted.reshape(heat(smooth).shape), atol=1e-5)
    assert (plain.provenance["method"], smooth.provenance["method"]) == (
        "clip-surgery",
        "smoothed-surgery",
    )


@pytest.mark.parametrize("smoothing", [-1.0, float("nan"), float("inf")])
def test_a_sharpness_that_is_none_is_refused(smoothing):
    with pytest.raises(UsageError, match="wanted a sharpness from 0"):
        ClipSurgery(smoothing=smoothing)


def test_several_redundant_texts_are_averaged(encoder):
    twice = ClipSurgery(SHALLOW, redundant=("a", "a"))
    once, other = ClipSurgery(SHALLOW, redundant=("a",)), ClipSurgery(SHALLOW, redundant=("a", ""))
    first, second, third = (heat(asked(encoder, method)[0]) for method in (twice, once, other))
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert np.abs(first - third).max() > 1e-5


def test_of_a_trained_encoder_the_map_finds_the_object():
    """A red disc on the left: surgery contrasts it more than the model's own tokens do."""
    encoder = load_embedded("clip-vit")
    prompts = PromptEnsemble(encoder, ("{}",))
    pixels = np.full((64, 64, 3), 90, dtype=np.uint8)
    row, col = np.mgrid[:64, :64]
    disc = (row - 32) ** 2 + (col - 18) ** 2 < 12**2
    pixels[disc] = (220, 30, 30)
    contrasts = []
    for surgery in (None, Surgery()):
        method = ClipSurgery(surgery, view=View(scaling="min-max"))
        images = [Image.fromarray(pixels)]
        (found,) = method.explain(encoder, images, ["something red"], prompts=prompts)
        (values,) = heat(found)
        contrasts.append(values[disc].mean() - values[~disc].mean())
    assert contrasts[1] > max(contrasts[0], 0.2)
    assert disc[np.unravel_index(values.argmax(), values.shape)]


@pytest.mark.parametrize("scaling", ["raw", "min-max"])
def test_reverse_maps_are_the_raw_ones_the_other_way_round(encoder, scaling):
    view = View(Framing(size=64), "grid", scaling)
    raw, reverse = (
        heat(asked(encoder, method)[0])
        for method in (ClipSurgery(None, "nothing", view=view), ReverseMaps(view=view))
    )
    np.testing.assert_allclose(raw + reverse, 0 if scaling == "raw" else 1, atol=1e-6)
