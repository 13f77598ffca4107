from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image
from tests.methods.text_maps.asking import heat
from tests.methods.text_maps.golden import picture, small_vit

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.catalogue import MAP_METHODS, map_method, suited_method
from seewhy.methods.text_maps.method import View
from seewhy.models.embedded import load_embedded
from seewhy.models.framing import Framing
from seewhy.models.guard import fingerprint
from seewhy.models.load import load_model
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.passes.prompts import PromptEnsemble

GRID = View(Framing(size=64), "grid")
TINY = {
    "tiny-vit": (lambda: tiny_dual_encoder("vit"), ["red circle", "digit 5"]),
    "tiny-resnet": (lambda: tiny_dual_encoder("resnet"), ["red circle", "digit 5"]),
    "layer-scale": (lambda: small_vit(layers=6, ls_init_value=0.5), ["a", "b"]),
}
ROLLOUT = "rollout goes through the attention of every block"
UNSUPPORTED = {
    ("rollout", "tiny-resnet"): ROLLOUT,
    ("clip-surgery", "tiny-vit"): "depth of 1 to 5",
    ("smoothed-surgery", "tiny-vit"): "depth of 1 to 5",
}
SERVED = [
    *((name, "embedded:clip-vit") for name in MAP_METHODS),
    *((name, "embedded:clip-resnet") for name in MAP_METHODS if name != "rollout"),
]
PAIRS = [(name, tiny) for name in MAP_METHODS for tiny in TINY]


@cache
def encoder(tiny):
    return TINY[tiny][0]()


@cache
def prompts(tiny):
    return PromptEnsemble(encoder(tiny), ("{}",))


def explained(name, tiny, images, view=GRID):
    texts = TINY[tiny][1]
    method = map_method(name, view=view)
    return method.explain(encoder(tiny), images, texts, prompts=prompts(tiny))


def supported(pairs):
    return [pair for pair in pairs if pair not in UNSUPPORTED]


@pytest.mark.parametrize(("name", "tiny"), supported(PAIRS))
def test_every_method_gives_a_map_per_text_and_leaves_the_model_as_it_was(name, tiny):
    module = encoder(tiny).module
    module.train()
    before = fingerprint(module)
    images = [picture(50, 40, 0), picture(20, 60, 1), picture(33, 33, 2)]
    together = explained(name, tiny, images, View(Framing(size=64)))
    assert fingerprint(module) == before
    for image, one in zip(images, together, strict=True):
        assert heat(one).shape == (2, *image.size[::-1])
        assert np.isfinite(heat(one)).all()
        (alone,) = explained(name, tiny, [image], View(Framing(size=64)))
        np.testing.assert_allclose(heat(one), heat(alone), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("name", "tiny"), supported(PAIRS))
def test_every_method_reads_rectangles_row_by_row_and_survives_blank_images(name, tiny):
    blank = Image.new("RGB", (9, 7), "white")
    for scaling in ("raw", "min-max"):
        view = View(Framing(size=(32, 96)), "grid", scaling)
        noisy, flat = explained(name, tiny, [picture(), blank], view)
        assert heat(noisy).shape[1:] == ((1, 3) if tiny == "tiny-resnet" else (4, 12))
        assert np.isfinite(heat(flat)).all()
        assert noisy.provenance["method"] == name


@pytest.mark.parametrize(("name", "tiny"), supported(PAIRS))
def test_maps_can_be_had_where_gradients_are_off(name, tiny):
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    method = map_method(name)
    asked = method.ask(encoder(tiny), TINY[tiny][1], prompts=prompts(tiny))
    usual = method.maps(encoder(tiny), pixels, asked)
    with torch.inference_mode():
        same = method.maps(encoder(tiny), pixels.clone(), asked)
    torch.testing.assert_close(same.maps, usual.maps)
    assert not usual.maps.requires_grad
    assert not usual.whole.requires_grad


@pytest.mark.parametrize(("name", "model"), SERVED)
def test_embedded_encoders_serve_every_method(name, model):
    found = load_model(model)
    words = PromptEnsemble(found, ["{}"])
    (one,) = map_method(name).explain(found, [picture()], ["red circle", "square"], prompts=words)
    assert np.isfinite(heat(one)).all()
    assert heat(one).std(axis=(1, 2)).min() > 0


@pytest.mark.parametrize("pair", UNSUPPORTED)
def test_what_a_tower_has_no_map_of_is_refused(pair):
    with pytest.raises(UsageError, match=UNSUPPORTED[pair]):
        explained(*pair, [picture()])


@pytest.mark.parametrize("name", MAP_METHODS)
def test_a_method_is_called_what_the_catalogue_calls_it(name):
    assert map_method(name).name == name
    assert map_method(name, view=GRID).view == GRID


def test_an_unknown_method_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"Nearest: grad-cam.*There are: clip-surgery, smoothed"):
        map_method("gradcam")


def test_what_is_taken_off_follows_the_words_that_an_encoder_knows():
    few, many = load_embedded("clip-objects"), small_vit()
    many.tokenizer = lambda texts: torch.zeros(len(texts), 8, dtype=torch.long)
    for name in ("clip-surgery", "smoothed-surgery"):
        assert suited_method(name, few).removal == "nothing"
        assert suited_method(name, many).removal == "redundant"
        assert suited_method(name, few, removal="common").removal == "common"
    assert suited_method("raw", many).removal == "nothing"
    assert suited_method("grad-cam", few) == map_method("grad-cam")
