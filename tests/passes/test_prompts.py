import logging

import numpy as np
import open_clip
import pytest
import torch
from tests.methods.text_maps.golden import arrays, tensor
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.openclip_zoo import build
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.vocabulary import WordTokenizer
from seewhy.passes.prompts import PromptEnsemble, averaged

TEMPLATES = ("a {}", "a photo of the {}", "the red {}")
VISION = {"image_size": 16, "layers": 1, "width": 16, "patch_size": 8, "head_width": 16}


@pytest.fixture(scope="module")
def golden():
    """A text tower of stored weights with CLIP's own tokenizer."""
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
    module = build({"embed_dim": 24, "quick_gelu": True, "vision_cfg": VISION, "text_cfg": text})
    stored = {k.removeprefix("sd/"): tensor("text", k) for k in arrays("text") if k[:3] == "sd/"}
    table = torch.zeros(49408, 32)
    table[arrays("text")["token_rows_ids"]] = tensor("text", "token_rows")
    weights = stored | {"token_embedding.weight": table}
    lacking = module.load_state_dict(weights, strict=False)
    assert not lacking.unexpected_keys
    assert all(key.startswith("visual.") for key in lacking.missing_keys)
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    return OpenClipEncoder(
        module.eval(), preprocess=Preprocessing(16), tokenizer=tokenizer, name="golden-text"
    )


@pytest.fixture
def encoder():
    return tiny_dual_encoder("vit")


def counted(encoder, monkeypatch):
    """The prompts that the encoder is given from now on."""
    given, usual = [], encoder.encode_prompts

    def encode_prompts(prompts):
        given.extend(prompts)
        return usual(prompts)

    monkeypatch.setattr(encoder, "encode_prompts", encode_prompts)
    return given


def test_the_published_ensemble_is_the_stored_one(golden):
    ensemble, names = PromptEnsemble(golden), arrays("text")["names"].tolist()
    assert names[-1] == ""
    for name, wanted in zip(names, arrays("text")["tokens"], strict=True):
        ids = golden.tokenizer(ensemble.prompts(name)).numpy()
        np.testing.assert_array_equal(ids[:, :24], wanted)
        assert not ids[:, 24:].any()
    found = ensemble.embeddings(names)
    assert_close(found, tensor("text", "ensemble_features"), rtol=1e-4, atol=2e-5)


def test_an_ensemble_is_the_mean_of_units_at_unit_length():
    embeddings = torch.tensor([[[3.0, 0], [0, 0.1]], [[1, 0], [5, 0]]])
    half = 0.5**0.5
    assert_close(averaged(embeddings), torch.tensor([[half, half], [1, 0]]))
    assert_close(averaged(torch.zeros(1, 2, 3)), torch.zeros(1, 3))


def test_names_are_encoded_once_and_in_any_company(encoder, monkeypatch):
    given = counted(encoder, monkeypatch)
    ensemble = PromptEnsemble(encoder, TEMPLATES)
    names = ["circle", "square", "", "circle"]
    together = ensemble.embeddings(names)
    assert len(given) == 3 * len(TEMPLATES)
    assert torch.equal(together[0], together[3])
    assert torch.equal(ensemble.embeddings(names), together)
    assert len(given) == 3 * len(TEMPLATES)
    for name, embedding in zip(names, together, strict=True):
        assert_close(PromptEnsemble(encoder, TEMPLATES).embeddings([name])[0], embedding)


def test_many_names_are_encoded_in_batches(encoder, monkeypatch):
    monkeypatch.setattr("seewhy.passes.prompts._NAMES_AT_ONCE", 2)
    names = ["circle", "square", "red", "blue", "green"]
    found = PromptEnsemble(encoder, TEMPLATES).embeddings(names)
    monkeypatch.undo()
    assert_close(found, PromptEnsemble(encoder, TEMPLATES).embeddings(names))


def test_a_folder_remembers(encoder, monkeypatch, tmp_path):
    names = ["circle", "red", ""]
    first = PromptEnsemble(encoder, TEMPLATES, folder=tmp_path / "cache").embeddings(names)
    given = counted(encoder, monkeypatch)
    again = PromptEnsemble(encoder, TEMPLATES, folder=tmp_path / "cache").embeddings(names)
    assert torch.equal(first, again)
    assert not given
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".safetensors", ".json"}


def test_what_is_damaged_is_made_again(encoder, caplog, tmp_path):
    first = PromptEnsemble(encoder, TEMPLATES, folder=tmp_path).embeddings(["circle"])
    (path,) = tmp_path.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-5] + b"\0\0\0\0\0")
    again = PromptEnsemble(encoder, TEMPLATES, folder=tmp_path)
    assert torch.equal(again.embeddings(["circle"]), first)
    assert "damaged" in caplog.text


def test_other_weights_templates_and_words_are_other_entries(encoder, tmp_path):
    def learn(model, templates=TEMPLATES):
        PromptEnsemble(model, templates, folder=tmp_path).embeddings(["circle"])
        return len(list(tmp_path.glob("*.safetensors")))

    assert learn(encoder) == 1
    assert learn(tiny_dual_encoder("vit", seed=1)) == 2
    assert learn(encoder, TEMPLATES[:2]) == 3
    words = encoder.tokenizer.words
    encoder.tokenizer = WordTokenizer(words[::-1], encoder.tokenizer.context_length)
    assert learn(encoder) == 4


def test_templates_of_unknown_words_are_refused(encoder):
    with pytest.raises(UsageError, match=r"'bad'.*such as templates=\['\{\}'\]"):
        PromptEnsemble(encoder)
    with pytest.raises(UsageError, match="does not know the words 'giraffe'"):
        PromptEnsemble(encoder, TEMPLATES).embeddings(["giraffe"])


def test_a_name_that_is_cut_is_told_once(golden, caplog):
    caplog.set_level(logging.WARNING)
    long = "dog " * 80
    ensemble = PromptEnsemble(golden, ("a {}", "the {}"))
    ensemble.embeddings([long, "cat"])
    assert len(caplog.records) == 1
    assert "reads 75 tokens" in caplog.text
    assert len(ensemble.cut_names([long, "cat"])) == 1
