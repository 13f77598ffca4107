import inspect

import numpy as np
import pytest
import torch
from PIL import Image
from tests.methods.text_maps.asking import METHOD, SHALLOW, TEXTS, asked, heat
from tests.methods.text_maps.golden import golden_encoder, picture

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.text_maps.method import View
from seewhy.methods.text_maps.surgery import ClipSurgery
from seewhy.models.framing import Framing
from seewhy.models.guard import fingerprint
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.towers import image_tower
from seewhy.passes.prompts import PromptEnsemble
from seewhy.results.explanation import load_explanation
from seewhy.results.parts import ConceptScores


@pytest.fixture(params=["vit", "resnet"])
def encoder(request):
    return tiny_dual_encoder(request.param)


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
    method = ClipSurgery(SHALLOW, view=View(Framing("model")))
    (found,) = asked(encoder, method, texts=["red circle"])
    (text,) = PromptEnsemble(encoder, ("{}", "a photo of the {}")).embeddings(["red circle"])
    image = encoder.encode_images(encoder.preprocess(picture())[None])[0]
    assert found.score == pytest.approx(float(image @ text), abs=1e-6)


@pytest.mark.parametrize("method", [METHOD, ClipSurgery(SHALLOW, "common"), ClipSurgery(None)])
def test_images_do_not_see_each_other(encoder, method, monkeypatch):
    images = [picture(50, 40, 0), picture(20, 60, 1), picture(33, 33, 2)]
    monkeypatch.setattr("seewhy.methods.text_maps.method.IMAGES_AT_ONCE", 2)
    together = asked(encoder, method, images)
    for image, one in zip(images, together, strict=True):
        (alone,) = asked(encoder, method, [image])
        assert heat(one).shape[1:] == image.size[::-1]
        np.testing.assert_allclose(heat(one), heat(alone), atol=1e-5)


def test_the_user_s_model_comes_back_as_it_came(encoder):
    encoder.module.train()
    before = fingerprint(encoder.module)
    asked(encoder, ClipSurgery(SHALLOW, view=View(Framing(size=64))))
    assert fingerprint(encoder.module) == before
    explain = inspect.unwrap(ClipSurgery.explain)  # types are not checked at run time there
    prompts = PromptEnsemble(encoder, ("{}",))
    with pytest.raises(UsageError, match="image 1 is str"):
        explain(METHOD, encoder, [picture(), "dog.jpg"], TEXTS, prompts=prompts)
    assert fingerprint(encoder.module) == before


def test_one_patch_one_text_one_colour_give_numbers(encoder):
    size = image_tower(encoder).patch
    for scaling in ("raw", "min-max"):
        method = ClipSurgery(SHALLOW, view=View(Framing(size=size), scaling=scaling))
        (found,) = asked(encoder, method, [Image.new("RGB", (9, 7), "white")], ["red"])
        assert heat(found).shape == (1, 7, 9)
        assert np.isfinite(heat(found)).all()
        assert scaling == "raw" or not heat(found).any()


def test_rectangular_inputs_are_read_row_by_row(encoder):
    method = ClipSurgery(SHALLOW, view=View(Framing(size=(32, 96)), "grid"))
    (found,) = asked(encoder, method)
    rows, cols = image_tower(encoder).patch
    assert heat(found).shape[1:] == (32 // rows, 96 // cols)
    assert found.provenance["grid"] == f"{32 // rows} x {96 // cols}"


def test_what_the_model_s_own_crop_cuts_off_is_unknown(encoder):
    method = ClipSurgery(SHALLOW, view=View(Framing("model")))
    (found,) = asked(encoder, method, [picture(80, 40)])
    seen = np.isfinite(heat(found))
    assert not seen[..., :20].any()
    assert not seen[..., 60:].any()
    assert seen[..., 20:60].all()
    (larger,) = asked(
        encoder, ClipSurgery(SHALLOW, view=View(Framing("model", 64))), [picture(80, 40)]
    )
    np.testing.assert_array_equal(np.isfinite(heat(larger)), seen)


def test_a_preprocessing_of_the_user_s_own_is_used_but_not_undone(encoder):
    usual = encoder.preprocessing
    encoder.preprocessing = lambda image: usual(image)[:, :, :32]
    for frame in ("grid", "input"):
        method = ClipSurgery(SHALLOW, view=View(Framing("model"), frame))
        assert np.isfinite(heat(asked(encoder, method)[0])).all()
    with pytest.raises(UsageError, match="Ask for frame='input'"):
        asked(encoder, ClipSurgery(SHALLOW, view=View(Framing("model"))))
    with pytest.raises(UsageError, match=r"Ask for Framing\('model'\)"):
        asked(encoder)


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
        ({"method": ClipSurgery(SHALLOW, view=View(Framing(size=33)))}, "no multiple"),
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


def test_numbers_that_are_not_finite_are_the_fault_of_an_image():
    encoder = golden_encoder("vit")
    with torch.no_grad():
        encoder.module.visual.ln_post.bias[0] = torch.nan
    prompts = PromptEnsemble(encoder, ("{}",))
    with pytest.raises(DataError, match="not finite for image 0") as caught:
        ClipSurgery().explain(encoder, [picture()], ["a"], prompts=prompts)
    assert caught.value.code == "non_finite"


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (ClipSurgery(), "depth of 1 to 5"),
        (ClipSurgery(SHALLOW, view=View(Framing(size=33))), "Use 32 x 32"),
        (ClipSurgery(SHALLOW, view=View(Framing(size=(32, 33)))), "Use 32 x 32"),
    ],
)
def test_what_no_image_could_mend_is_refused_before_any_is_there(method, message):
    encoder = tiny_dual_encoder("vit")
    prompts = PromptEnsemble(encoder, ("{}",))
    with pytest.raises(UsageError, match=message):
        method.explain(encoder, [], ["red"], prompts=prompts)
