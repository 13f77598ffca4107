import inspect

import numpy as np
import pytest
import torch
from PIL import Image
from tests.methods.text_maps.golden import golden_encoder, picture
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.features import scaled, similarities
from seewhy.methods.text_maps.framing import Framing
from seewhy.methods.text_maps.method import ClipSurgery
from seewhy.methods.text_maps.prompts import PromptEnsemble
from seewhy.methods.text_maps.tokens import Surgery, surgery_tokens
from seewhy.models.embedded import load_embedded
from seewhy.models.guard import fingerprint
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.towers import image_tower
from seewhy.results.explanation import load_explanation
from seewhy.results.parts import ConceptScores, Heatmap

TEXTS = ["red circle", "blue square", "digit 5"]
SHALLOW = Surgery(depth=3)
METHOD = ClipSurgery(surgery=SHALLOW)


@pytest.fixture(params=["vit", "resnet"])
def encoder(request):
    return tiny_dual_encoder(request.param)


def asked(encoder, method=METHOD, images=None, texts=TEXTS, **options):
    prompts = PromptEnsemble(encoder, ("{}", "a photo of the {}"))
    return method.explain(encoder, images or [picture()], texts, prompts=prompts, **options)


def heat(explanation):
    return np.stack([part.values for part in explanation.parts if isinstance(part, Heatmap)])


def test_an_explanation_has_a_map_per_text_and_the_whole_image(encoder, tmp_path):
    (found,) = asked(encoder)
    *maps, whole = found.parts
    assert [part.title for part in maps] == TEXTS
    assert all(part.values.shape == (40, 50) and part.frame == "image" for part in maps)
    assert isinstance(whole, ConceptScores)
    assert whole.names == tuple(TEXTS)
    assert found.score is None
    assert found.target == "where the image shows 'red circle', 'blue square', 'digit 5'"
    assert found.provenance["model"] == encoder.name
    assert found.provenance["removal"] == "redundant"
    again = load_explanation(found.save(tmp_path / "map.safetensors"))
    np.testing.assert_array_equal(heat(again), heat(found))
    assert "image/png" in again._repr_html_()


def test_the_score_of_one_text_is_its_similarity_with_the_image(encoder):
    method = ClipSurgery(surgery=SHALLOW, framing=Framing("model"))
    (found,) = asked(encoder, method, texts=["red circle"])
    (text,) = PromptEnsemble(encoder, ("{}", "a photo of the {}")).embeddings(["red circle"])
    image = encoder.encode_images(encoder.preprocess(picture())[None])[0]
    assert found.score == pytest.approx(float(image @ text), abs=1e-6)


def test_it_does_what_its_formulas_say(encoder):
    method = ClipSurgery(surgery=SHALLOW, frame="grid", framing=Framing(size=64))
    (found,) = asked(encoder, method)
    pixels = method.framing.preprocessing(encoder)(picture())[None]
    with torch.no_grad():
        patches = surgery_tokens(image_tower(encoder), pixels, SHALLOW).patches
    prompts = PromptEnsemble(encoder, ("{}", "a photo of the {}"))
    texts = prompts.embeddings([*TEXTS, ""])
    like = similarities(patches.flatten(1, 2), texts)[0].reshape(*patches.shape[1:3], 4)
    wanted = (like[..., :3] - like[..., 3:]).permute(2, 0, 1)
    np.testing.assert_allclose(heat(found), wanted.numpy(), atol=1e-6)
    (ranged,) = asked(encoder, ClipSurgery(**{**vars(method), "scaling": "min-max"}))
    unscaled = torch.from_numpy(heat(found))[None]
    np.testing.assert_allclose(heat(ranged), scaled(unscaled)[0].numpy(), atol=1e-6)
    (drawn,) = asked(encoder, ClipSurgery(**{**vars(method), "frame": "input"}))
    larger = functional.interpolate(wanted[None], (64, 64), mode="bilinear")[0]
    np.testing.assert_allclose(heat(drawn), larger.numpy(), atol=1e-6)


@pytest.mark.parametrize("method", [METHOD, ClipSurgery(SHALLOW, "common"), ClipSurgery(None)])
def test_images_do_not_see_each_other(encoder, method, monkeypatch):
    images = [picture(50, 40, 0), picture(20, 60, 1), picture(33, 33, 2)]
    monkeypatch.setattr("seewhy.methods.text_maps.method._IMAGES_AT_ONCE", 2)
    together = asked(encoder, method, images)
    for image, one in zip(images, together, strict=True):
        (alone,) = asked(encoder, method, [image])
        assert heat(one).shape[1:] == image.size[::-1]
        np.testing.assert_allclose(heat(one), heat(alone), atol=1e-5)


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
    raw = ClipSurgery(None, "nothing", frame="grid", framing=Framing(size=64))
    (found,), (other,) = (
        asked(encoder, raw),
        asked(encoder, ClipSurgery(**vars(raw) | {"surgery": SHALLOW})),
    )
    assert found.provenance["method"] == "raw maps"
    assert np.abs(heat(found) - heat(other)).max() > 1e-3


def test_the_user_s_model_comes_back_as_it_came(encoder):
    encoder.module.train()
    before = fingerprint(encoder.module)
    asked(encoder, ClipSurgery(SHALLOW, framing=Framing(size=64)))
    assert fingerprint(encoder.module) == before
    explain = inspect.unwrap(ClipSurgery.explain)  # types are not checked at run time there
    prompts = PromptEnsemble(encoder, ("{}",))
    with pytest.raises(UsageError, match="image 1 is str"):
        explain(METHOD, encoder, [picture(), "dog.jpg"], TEXTS, prompts=prompts)
    assert fingerprint(encoder.module) == before


def test_one_patch_one_text_one_colour_give_numbers(encoder):
    size = image_tower(encoder).patch
    for scaling in ("raw", "min-max"):
        method = ClipSurgery(SHALLOW, scaling=scaling, framing=Framing(size=size))
        (found,) = asked(encoder, method, [Image.new("RGB", (9, 7), "white")], ["red"])
        assert heat(found).shape == (1, 7, 9)
        assert np.isfinite(heat(found)).all()
        assert scaling == "raw" or not heat(found).any()


def test_rectangular_inputs_are_read_row_by_row(encoder):
    method = ClipSurgery(SHALLOW, frame="grid", framing=Framing(size=(32, 96)))
    (found,) = asked(encoder, method)
    rows, cols = image_tower(encoder).patch
    assert heat(found).shape[1:] == (32 // rows, 96 // cols)
    assert found.provenance["grid"] == f"{32 // rows} x {96 // cols}"


def test_what_the_model_s_own_crop_cuts_off_is_unknown(encoder):
    method = ClipSurgery(SHALLOW, framing=Framing("model"))
    (found,) = asked(encoder, method, [picture(80, 40)])
    seen = np.isfinite(heat(found))
    assert not seen[..., :20].any()
    assert not seen[..., 60:].any()
    assert seen[..., 20:60].all()
    (larger,) = asked(
        encoder, ClipSurgery(SHALLOW, framing=Framing("model", 64)), [picture(80, 40)]
    )
    np.testing.assert_array_equal(np.isfinite(heat(larger)), seen)


def test_a_preprocessing_of_the_user_s_own_is_used_but_not_undone(encoder):
    usual = encoder.preprocessing
    encoder.preprocessing = lambda image: usual(image)[:, :, :32]
    for frame in ("grid", "input"):
        method = ClipSurgery(SHALLOW, framing=Framing("model"), frame=frame)
        assert np.isfinite(heat(asked(encoder, method)[0])).all()
    with pytest.raises(UsageError, match="Ask for frame='input'"):
        asked(encoder, ClipSurgery(SHALLOW, framing=Framing("model")))
    with pytest.raises(UsageError, match=r"Ask for Framing\('model'\)"):
        asked(encoder)


def test_several_redundant_texts_are_averaged(encoder):
    twice = ClipSurgery(SHALLOW, redundant=("a", "a"))
    once, other = ClipSurgery(SHALLOW, redundant=("a",)), ClipSurgery(SHALLOW, redundant=("a", ""))
    first, second, third = (heat(asked(encoder, method)[0]) for method in (twice, once, other))
    np.testing.assert_allclose(first, second, atol=1e-6)
    assert np.abs(first - third).max() > 1e-5


def test_a_text_that_is_cut_is_noted():
    encoder = tiny_dual_encoder("vit")

    class Cutting(type(encoder.tokenizer)):
        def encode(self, text):
            return self.split(text)

        def decode(self, words):
            return " ".join(words)

        def __call__(self, texts):
            kept = [" ".join(self.split(text)[: self.context_length - 2]) for text in texts]
            return super().__call__(kept)

    encoder.tokenizer = Cutting(encoder.tokenizer.words, encoder.tokenizer.context_length)
    (found,) = asked(encoder, texts=["red " * 12, "blue"])
    assert found.provenance["notes"].count("reads 10 tokens") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"texts": []}, "at least one text"),
        ({"texts": "red"}, "put a single text in a list"),
        ({"texts": ["red", " "]}, "text 1 is ' '"),
        ({"texts": ["red", "RED"]}, "become the same tokens"),
        ({"texts": ["red"], "others": ["red"]}, "become the same tokens"),
        ({"texts": ["giraffe"]}, "does not know the words 'giraffe'"),
        ({"texts": ["red"], "method": ClipSurgery(SHALLOW, "common")}, "which is all there is of"),
        ({"method": ClipSurgery(SHALLOW, redundant=())}, "`redundant` is empty"),
        ({"method": ClipSurgery(SHALLOW, framing=Framing(size=33))}, "no multiple"),
    ],
)
def test_what_cannot_be_answered_is_refused(encoder, options, message):
    with pytest.raises(UsageError, match=message):
        asked(encoder, **options)


def test_prompts_of_another_encoder_are_refused(encoder):
    prompts = PromptEnsemble(tiny_dual_encoder("vit", seed=3), ("{}",))
    with pytest.raises(UsageError, match="of the same encoder"):
        METHOD.explain(encoder, [picture()], TEXTS, prompts=prompts)


def test_templates_of_unknown_words_are_refused_with_advice(encoder):
    with pytest.raises(UsageError, match=r"such as templates=\['\{\}'\]"):
        METHOD.explain(encoder, [picture()], TEXTS)


def test_numbers_that_are_not_finite_are_refused():
    encoder = golden_encoder("vit")
    with torch.no_grad():
        encoder.module.visual.ln_post.bias[0] = torch.nan
    prompts = PromptEnsemble(encoder, ("{}",))
    with pytest.raises(UsageError, match="not finite for image 0"):
        ClipSurgery().explain(encoder, [picture()], ["a"], prompts=prompts)


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
        method = ClipSurgery(surgery, scaling="min-max")
        images = [Image.fromarray(pixels)]
        (found,) = method.explain(encoder, images, ["something red"], prompts=prompts)
        (values,) = heat(found)
        contrasts.append(values[disc].mean() - values[~disc].mean())
    assert contrasts[1] > max(contrasts[0], 0.2)
    assert disc[np.unravel_index(values.argmax(), values.shape)]
