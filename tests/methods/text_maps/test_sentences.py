import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis.strategies import integers
from tests.methods.text_maps.asking import SHALLOW, heat
from tests.methods.text_maps.golden import TOLERANCE, arrays, picture, tensor
from tests.models.texts import piecewise_encoder
from torch.testing import assert_close

from seewhy.base.errors import DataError, UsageError
from seewhy.methods.text_maps.features import scaled
from seewhy.methods.text_maps.method import View
from seewhy.methods.text_maps.sentences import (
    SentenceView,
    leading_tokens,
    merged,
    sentence_reading,
)
from seewhy.methods.text_maps.surgery import ClipSurgery
from seewhy.methods.text_maps.tokens import Surgery, surgery_tokens
from seewhy.models.framing import Framing
from seewhy.models.guard import fingerprint
from seewhy.models.text_tokens import END, START, text_tokens
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.towers import image_tower
from seewhy.passes.prompts import PromptEnsemble
from seewhy.results.explanation import load_explanation
from seewhy.results.parts import ConceptScores

SENTENCE = "a photo of the red circle"
WORDS = (START, *SENTENCE.split(), END)
VIEW = View(Framing(size=64), "grid")
METHOD = SentenceView(VIEW, SHALLOW)


@pytest.fixture(params=["vit", "resnet"])
def encoder(request):
    return tiny_dual_encoder(request.param)


@pytest.fixture(scope="module")
def piecewise():
    return piecewise_encoder()


def explained(encoder, method=METHOD, sentence=SENTENCE, image=None):
    (found,) = method.explain(encoder, [image or picture()], [sentence])
    return found


def test_it_is_what_feature_surgery_of_the_reference_gives():
    """Tokens in place of texts: the end of text 2 is text 2 of the stored similarities."""
    patches = tensor("vit", "surgery_tokens_64")[0]
    tokens, text = tensor("sentence", "text_token_features")[2], 2
    end = int(arrays("sentence")["text_tokens"][text].argmax())
    redundant = tensor("vit", "text_features")[-1:]
    found = sentence_reading(patches[0], patches, tokens=tokens[: end + 1], redundant=redundant)
    assert found.matrix.shape == (65, end + 1)
    wanted = tensor("vit", "sim_redundant_64")[0, :, text]
    assert_close(found.matrix[:, -1], wanted, **TOLERANCE)


def test_the_matrix_by_hand():
    patches = torch.tensor([[2.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    tokens, redundant = torch.tensor([[1.0, 0.0], [0.0, 5.0]]), torch.tensor([[0.0, -1.0]])
    found = sentence_reading(torch.tensor([0.0, 7.0]), patches, tokens=tokens, redundant=redundant)
    assert_close(found.matrix, torch.tensor([[1.0, 0.0], [1.4, 1.6], [0.0, 0.0]]))
    assert_close(found.whole, torch.tensor([0.0, 1.0]))


@given(seed=integers(0, 2**16))
def test_a_word_has_the_largest_value_of_its_pieces(seed):
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 4, 5)
    word_of = tuple(np.repeat(np.arange(5), sizes).tolist())
    values = generator.normal(size=(3, len(word_of)))
    starts = np.concatenate([[0], sizes.cumsum()[:-1]])
    wanted = np.maximum.reduceat(values, starts, axis=1)
    np.testing.assert_array_equal(merged(torch.from_numpy(values), word_of).numpy(), wanted)


def test_leading_tokens_are_the_highest_and_of_equal_ones_the_first():
    values = torch.tensor([0.1, 0.5, -0.2, 0.5, 0.3])
    assert leading_tokens(values, 3).tolist() == [1, 3, 4]
    assert leading_tokens(values, 9).tolist() == [1, 3, 4, 0, 2]


@pytest.mark.parametrize("surgery", [SHALLOW, None])
@pytest.mark.parametrize("scaling", ["raw", "min-max"])
def test_the_end_draws_the_map_of_the_sentence_as_a_text(encoder, surgery, scaling):
    if scaling == "min-max" and encoder.name == "tiny-resnet":
        pytest.skip("its maps are so flat that min-max enlarges rounding errors")
    view = replace(VIEW, scaling=scaling, frame="image")
    found = explained(encoder, SentenceView(view, surgery))
    prompts = PromptEnsemble(encoder, ["{}"])
    (text,) = ClipSurgery(surgery, view=view).explain(
        encoder, [picture()], [SENTENCE], prompts=prompts
    )
    near = 2e-6 if scaling == "raw" else 2e-4
    np.testing.assert_allclose(heat(found)[0], heat(text)[0], atol=near)
    np.testing.assert_allclose(heat(found)[-1], heat(text)[0], atol=near)
    assert found.score == pytest.approx(text.score, abs=1e-6)


def test_an_explanation_has_the_sentence_its_words_and_their_scores(encoder, tmp_path):
    found = explained(encoder)
    *maps, scores = found.parts
    assert [part.title for part in maps] == [SENTENCE, *WORDS]
    assert all(part.frame == "grid" and part.unit == "similarity" for part in maps)
    assert isinstance(scores, ConceptScores)
    assert scores.names == WORDS
    assert found.score == pytest.approx(scores.scores[-1])
    assert found.provenance["by"] == "end"
    assert found.provenance["tokens"] == " | ".join(WORDS)
    again = load_explanation(found.save(tmp_path / "sentence.safetensors"))
    np.testing.assert_array_equal(heat(again), heat(found))
    assert again.target == f"which words of {SENTENCE!r} the image shows, and where"


def test_scores_are_cosines_of_tokens_and_the_image_embedding(encoder):
    found = explained(encoder, SentenceView(View(Framing("model"), "grid"), SHALLOW))
    image = encoder.encode_images(encoder.preprocess(picture())[None])[0]
    (tokens,) = text_tokens(encoder, [SENTENCE])
    np.testing.assert_allclose(found.parts[-1].scores, tokens.embeddings @ image, atol=1e-6)


def test_the_leading_tokens_may_draw_the_map(encoder):
    for top in (1, 3, 99):
        found = explained(encoder, replace(METHOD, by="top", top=top))
        words, scores = heat(found)[1:], found.parts[-1].scores
        leading = np.argsort(-scores, kind="stable")[:top]
        np.testing.assert_allclose(heat(found)[0], words[leading].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(words, heat(explained(encoder))[1:], atol=1e-7)


def test_pieces_of_words_are_merged_in_maps_and_scores(piecewise):
    method = replace(METHOD, surgery=Surgery(depth=2))
    found = explained(piecewise, method, "a zyzzyva")
    pixels = VIEW.framing.preprocessing(piecewise)(picture())[None]
    with torch.no_grad():
        image = surgery_tokens(image_tower(piecewise), pixels, method.surgery)
    (tokens,) = text_tokens(piecewise, ["a zyzzyva"])
    reading = sentence_reading(
        image.embeddings[0],
        image.patches[0].flatten(0, 1),
        tokens=tokens.embeddings,
        redundant=PromptEnsemble(piecewise, ["{}"]).embeddings([""]),
    )
    assert tokens.word_of == (0, 1, 2, 2, 2, 3)
    wanted = reading.matrix[:, 2:5].amax(dim=1).numpy()
    np.testing.assert_allclose(heat(found)[3].ravel(), wanted, atol=1e-6)
    names = [START, "a", "zyzzyva", END]
    assert [part.title for part in found.parts[1:-1]] == names
    assert found.parts[-1].scores[2] == pytest.approx(float(reading.whole[2:5].max()), abs=1e-6)


def test_a_sentence_that_is_cut_is_noted(piecewise):
    method = replace(METHOD, surgery=Surgery(depth=2))
    found = explained(piecewise, method, "dog " * 40)
    assert found.provenance["notes"].count("reads 14 tokens") == 1
    assert "notes" in found.provenance
    assert not explained(piecewise, method, "a dog").provenance["notes"]


def test_min_max_brings_each_map_to_its_range(encoder):
    raw = heat(explained(encoder))
    ranged = explained(encoder, replace(METHOD, view=replace(VIEW, scaling="min-max")))
    wanted = scaled(torch.from_numpy(raw)[None])[0].numpy()
    np.testing.assert_allclose(heat(ranged), wanted, atol=1e-6)
    assert {part.unit for part in ranged.parts[:-1]} == {"score"}


def test_pairs_do_not_see_each_other(encoder, monkeypatch):
    monkeypatch.setattr("seewhy.methods.text_maps.sentences.IMAGES_AT_ONCE", 2)
    method = replace(METHOD, view=replace(VIEW, frame="image"))
    images = [picture(50, 40, 0), picture(20, 60, 1), picture(33, 33, 2)]
    sentences = ["red", SENTENCE, "red"]
    together = method.explain(encoder, images, sentences)
    for image, sentence, one in zip(images, sentences, together, strict=True):
        alone = explained(encoder, method, sentence, image)
        assert heat(one).shape[1:] == image.size[::-1]
        np.testing.assert_allclose(heat(one), heat(alone), atol=1e-5)
        assert one.score == pytest.approx(alone.score, abs=1e-6)


def test_the_user_s_model_comes_back_as_it_came(encoder):
    before = fingerprint(encoder.module)
    explained(encoder)
    assert fingerprint(encoder.module) == before
    explain = inspect.unwrap(SentenceView.explain)
    with pytest.raises(UsageError, match="image 1 is str"):
        explain(METHOD, encoder, [picture(), "dog.jpg"], ["red", "blue"])
    assert fingerprint(encoder.module) == before


def test_what_the_model_s_own_crop_cuts_off_is_unknown(encoder):
    method = replace(METHOD, view=View(Framing("model"), "image"))
    seen = np.isfinite(heat(explained(encoder, method, image=picture(80, 40))))
    assert not seen[..., :20].any()
    assert seen[..., 20:60].all()


@pytest.mark.parametrize(
    ("sentences", "message"),
    [
        ([], "1 images and 0 sentences"),
        ("red", "1 images and 'red'"),
        (["red", "blue"], "1 images and 2 sentences"),
        ([" "], "text 0 is ' '"),
        ([""], "text 0 is ''"),
        ([None], "text 0 is None"),
        ([3], "text 0 is 3"),
        (["a giraffe"], "does not know the words 'giraffe'"),
    ],
)
def test_what_is_no_sentence_is_refused(encoder, sentences, message):
    explain = inspect.unwrap(SentenceView.explain)
    with pytest.raises(UsageError, match=message):
        explain(METHOD, encoder, [picture()], sentences)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"by": "top", "top": 0}, "with at least 1"),
        ({"redundant": ()}, "`redundant` is empty"),
        ({"view": View(Framing(size=33))}, "no multiple"),
    ],
)
def test_settings_that_mean_nothing_are_refused(encoder, changes, message):
    with pytest.raises(UsageError, match=message):
        explained(encoder, replace(METHOD, **changes))


def test_one_colour_and_one_patch_give_numbers(encoder):
    size = image_tower(encoder).patch
    method = replace(METHOD, view=View(Framing(size=size), scaling="min-max"))
    found = explained(encoder, method, "red", picture(9, 7))
    assert heat(found).shape == (4, 7, 9)
    assert not heat(found).any()


def test_numbers_that_are_not_finite_are_refused():
    encoder = tiny_dual_encoder("vit")
    with torch.no_grad():
        encoder.module.visual.ln_post.bias[0] = torch.nan
    with pytest.raises(DataError, match="not finite for image 0") as caught:
        explained(encoder)
    assert caught.value.code == "non_finite"
