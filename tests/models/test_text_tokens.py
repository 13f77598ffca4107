import json

import pytest
import torch
from tests.methods.text_maps.golden import TOLERANCE, arrays, tensor
from tests.models.texts import piecewise_encoder
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.embedded import load_embedded
from seewhy.models.guard import fingerprint
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.openclip_zoo import build
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.text_tokens import END, START, position_embeddings, text_tokens
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.vocabulary import WordTokenizer

SENTENCES = ["a red circle", "photo of the digit 5 7", "blue"]


@pytest.fixture
def encoder():
    return tiny_dual_encoder("vit")


@pytest.fixture(scope="module")
def piecewise():
    return piecewise_encoder()


def golden_text_encoder():
    """The stored text tower in open_clip's own class."""
    config = json.loads(str(arrays("vit")["config"]))
    text = {
        "context_length": config["ctx"],
        "vocab_size": config["vocab"],
        "width": config["twidth"],
        "heads": config["theads"],
        "layers": config["tlayers"],
    }
    vision = {"image_size": 8, "layers": 1, "width": 8, "patch_size": 8, "head_width": 8}
    module = build(
        {"embed_dim": config["embed"], "quick_gelu": True, "vision_cfg": vision, "text_cfg": text}
    )
    weights = {
        key.removeprefix("sd/"): torch.from_numpy(array).float()
        for key, array in arrays("sentence").items()
        if key.startswith("sd/")
    }
    lacking = module.load_state_dict(weights, strict=False)
    assert not lacking.unexpected_keys
    assert all(key.startswith(("visual.", "logit_scale")) for key in lacking.missing_keys)
    return OpenClipEncoder(
        module.eval(),
        preprocess=Preprocessing(8),
        tokenizer=WordTokenizer(("a",), config["ctx"]),
        name="golden-text",
    )


def test_every_position_is_that_of_the_stored_reference():
    ids = torch.from_numpy(arrays("sentence")["text_tokens"]).long()
    found = position_embeddings(golden_text_encoder(), ids)
    assert_close(found.embeddings, tensor("sentence", "text_token_features"), **TOLERANCE)
    assert found.ends.tolist() == ids.argmax(dim=1).tolist()
    own = found.embeddings[torch.arange(len(ids)), found.ends]
    assert_close(own, tensor("vit", "text_features"), **TOLERANCE)


@pytest.mark.parametrize("kind", ["plain", "custom", "linear", "none"])
def test_the_last_token_is_the_embedding_of_the_text(kind):
    made = {
        "plain": tiny_dual_encoder,
        "custom": custom_encoder,
        "linear": lambda: custom_encoder(proj_bias=True),
        "none": lambda: custom_encoder(proj_type="none", width=16),
    }[kind]()
    found = text_tokens(made, SENTENCES)
    ends = torch.stack([each.embeddings[-1] for each in found])
    assert_close(ends, made.encode_texts(SENTENCES), rtol=0, atol=1e-6)
    for each in found:
        assert_close(each.embeddings.norm(dim=1), torch.ones(len(each.pieces)))


def custom_encoder(**text):
    """The tiny encoder's words in front of a text tower that is a module of its own."""
    tiny = tiny_dual_encoder("vit")
    usual = {"context_length": 12, "vocab_size": 24, "width": 32, "heads": 2, "layers": 1}
    vision = {"image_size": 32, "layers": 2, "width": 16, "patch_size": 8, "head_width": 8}
    module = build(
        {"embed_dim": 16, "vision_cfg": vision, "text_cfg": usual | text, "custom_text": True}
    )
    return OpenClipEncoder(
        module.eval(), preprocess=tiny.preprocessing, tokenizer=tiny.tokenizer, name="custom"
    )


def test_with_a_causal_mask_a_token_knows_only_what_comes_before_it(encoder):
    whole, beginning = text_tokens(encoder, ["a red circle", "a red"])
    assert_close(whole.embeddings[:3], beginning.embeddings[:3])
    assert (whole.embeddings[3] - beginning.embeddings[3]).norm() > 1e-3


def test_a_text_is_the_same_whatever_comes_with_it(encoder, monkeypatch):
    together = text_tokens(encoder, SENTENCES)
    monkeypatch.setattr("seewhy.models.text_tokens._TEXTS_AT_ONCE", 2)
    for text, one in zip(SENTENCES, text_tokens(encoder, SENTENCES), strict=True):
        (alone,) = text_tokens(encoder, [text])
        assert_close(one.embeddings, alone.embeddings)
    assert_close(one.embeddings, together[-1].embeddings)


def test_words_are_between_a_start_and_an_end(encoder):
    (found,) = text_tokens(encoder, ["A red, RED circle 58"])
    assert found.words == (START, "a", "red", "red", "circle", "5", "8", END)
    assert found.pieces == found.words
    assert found.word_of == tuple(range(8))


def test_pieces_make_up_words(piecewise):
    (found,) = text_tokens(piecewise, ["A photo of zyzzyva's naïveté, 42"])
    assert found.words[:4] == (START, "a", "photo", "of")
    assert found.words[4:-1] == ("zyzzyva", "'s", "naïveté", ",", "4", "2")
    assert len(found.pieces) == len(found.word_of) == len(found.embeddings) > len(found.words)
    for place, word in enumerate(found.words):
        own = [piece for piece, at in zip(found.pieces, found.word_of, strict=True) if at == place]
        assert "".join(own) == word or "\N{REPLACEMENT CHARACTER}" in "".join(own)
    assert list(found.word_of) == sorted(found.word_of)


def test_letters_of_several_tokens_are_whole_in_words(piecewise):
    (found,) = text_tokens(piecewise, ["漢字 🦒"])
    assert found.words == (START, "漢字", "🦒", END)


def test_a_text_beyond_the_context_ends_where_it_is_cut(piecewise):
    (found,) = text_tokens(piecewise, ["dog " * 40])
    assert found.words == (START, *["dog"] * 14, END)
    assert_close(found.embeddings[-1:], piecewise.encode_prompts(["dog " * 40]))


def test_the_model_comes_back_as_it_came(encoder):
    encoder.module.train()
    before = fingerprint(encoder.module)
    text_tokens(encoder, SENTENCES)
    assert fingerprint(encoder.module) == before
    encoder.module.encode_text = lambda _: 1 / 0
    with pytest.raises(ZeroDivisionError):
        text_tokens(encoder, SENTENCES)
    assert fingerprint(encoder.module) == before


def test_gradients_may_be_taken_of_what_comes_later(encoder):
    (found,) = text_tokens(encoder, ["red"])
    weights = torch.ones(16, requires_grad=True)
    (found.embeddings @ weights).sum().backward()
    assert_close(weights.grad, found.embeddings.sum(dim=0))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_precision_is_the_model_s_own(encoder, dtype):
    encoder.module.to(dtype)
    (found,) = text_tokens(encoder, ["a red circle"])
    assert found.embeddings.dtype == torch.float32
    assert_close(found.embeddings[-1:], encoder.encode_texts(["a red circle"]), rtol=0, atol=1e-2)


def test_the_embedded_encoders_are_read():
    found = text_tokens(load_embedded("clip-resnet"), ["a red circle"])
    assert found[0].words == (START, "a", "red", "circle", END)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "at least one text"),
        ("red", "a list of at least one"),
        (["red", ""], "text 1 is ''"),
        ([" \t"], "text 0 is"),
        (["red", None], "text 1 is None"),
        ([7], "text 0 is 7"),
        (["a giraffe"], "does not know the words 'giraffe'"),
    ],
)
def test_what_is_no_text_is_refused(encoder, texts, message):
    import inspect

    with pytest.raises(UsageError, match=message):
        inspect.unwrap(text_tokens)(encoder, texts)


def test_an_end_inside_a_text_is_refused(piecewise):
    with pytest.raises(UsageError, match=r"text 1 .* holds an end token of its own"):
        text_tokens(piecewise, ["dog", "a dog <end_of_text> a cat"])


class Foreign(nn.Module):
    """A text tower of another family."""

    def forward(self, ids):
        return ids.float()[:, :16]


class NoStart(WordTokenizer):
    """Its texts have an end alone, as in SigLIP."""

    def __call__(self, texts):
        ids = super().__call__(texts)[:, 1:]
        return torch.cat([ids, torch.zeros(len(ids), 1, dtype=torch.long)], dim=1)


class Mute:
    """A tokenizer that cannot lead back to texts."""

    def __init__(self, tokenizer):
        self.call = tokenizer

    def __call__(self, texts):
        return self.call(texts)


def foreign_tower():
    made = custom_encoder()
    made.module.text = Foreign()
    return made


def mean_of_tokens():
    made = tiny_dual_encoder("vit")
    usual = made.module.encode_text
    made.module.encode_text = lambda ids: 0.5 * usual(ids) + 0.5
    return made


def with_tokenizer(change):
    made = tiny_dual_encoder("vit")
    made.tokenizer = change(made.tokenizer)
    return made


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (foreign_tower, "is a Foreign"),
        (mean_of_tokens, "off no single token"),
        (lambda: custom_encoder(embed_cls=True, pool_type="last"), "each token"),
        (lambda: custom_encoder(pool_type="first"), "between a start token and an end token"),
        (lambda: custom_encoder(pool_type="last"), "between a start token and an end token"),
        (lambda: with_tokenizer(Mute), "cannot spell its ids"),
        (
            lambda: with_tokenizer(lambda usual: NoStart(usual.words, usual.context_length)),
            "between a start token and an end token",
        ),
    ],
)
def test_text_towers_of_other_kinds_are_refused(make, message):
    with pytest.raises(UsageError, match=message):
        text_tokens(make(), ["a red circle"])


def test_weights_that_are_not_finite_are_refused(encoder):
    with torch.no_grad():
        encoder.module.ln_final.bias[0] = torch.nan
    with pytest.raises(UsageError, match="not finite for a text"):
        text_tokens(encoder, ["red"])
