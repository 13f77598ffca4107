import json
import logging

import pytest
import torch
from torch.nn.functional import normalize
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.data.banks import concept_bank, descriptor_bank
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.passes.bank_embeddings import (
    SHOWING,
    embed_bank,
    published_rows,
    suited_bank,
)

TEMPLATE = "a photo of {}"
TEXTS = ("red circle", "green square", "the digit 3", "grey")


@pytest.fixture
def encoder():
    return tiny_dual_encoder("vit")


@pytest.fixture
def bank():
    return concept_bank(TEXTS, origin="mine")


def counted(encoder, monkeypatch):
    given, usual = [], encoder.encode_prompts

    def encode_prompts(prompts):
        given.extend(prompts)
        return usual(prompts)

    monkeypatch.setattr(encoder, "encode_prompts", encode_prompts)
    return given


def test_rows_are_the_texts_in_the_template_and_raw(encoder, bank):
    found = embed_bank(encoder, bank, template=TEMPLATE)
    for row, text in enumerate(TEXTS):
        (templated,) = encoder.encode_texts([f"a photo of {text}"])
        (raw,) = encoder.encode_texts([text])
        assert_close(found.templated[row], templated, rtol=0, atol=1e-5)
        assert_close(found.raw[row], raw, rtol=0, atol=1e-5)
    assert_close(found.raw.norm(dim=1), torch.ones(4))
    assert not torch.allclose(found.raw, found.templated)


def test_a_folder_saves_the_work(encoder, bank, tmp_path, monkeypatch):
    first = embed_bank(encoder, bank, template=TEMPLATE, folder=tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1
    given = counted(encoder, monkeypatch)
    again = embed_bank(encoder, bank, template=TEMPLATE, folder=tmp_path)
    assert not given
    assert torch.equal(first.templated, again.templated)
    assert torch.equal(first.raw, again.raw)
    again.raw.zero_()
    assert torch.equal(embed_bank(encoder, bank, template=TEMPLATE, folder=tmp_path).raw, first.raw)


def test_other_texts_templates_and_weights_are_other_entries(encoder, bank, tmp_path):
    embed_bank(encoder, bank, template=TEMPLATE, folder=tmp_path)
    embed_bank(encoder, bank, template="{}", folder=tmp_path)
    embed_bank(
        encoder, concept_bank(TEXTS[::-1], origin="mine"), template=TEMPLATE, folder=tmp_path
    )
    embed_bank(tiny_dual_encoder("vit", 1), bank, template=TEMPLATE, folder=tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 4


def test_a_damaged_entry_is_made_again(encoder, bank, tmp_path):
    first = embed_bank(encoder, bank, template=TEMPLATE, folder=tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert torch.equal(embed_bank(encoder, bank, template=TEMPLATE, folder=tmp_path).raw, first.raw)


def test_unknown_words_are_named(encoder):
    bank = concept_bank(["red circle", "zebra stripes"], origin="mine")
    with pytest.raises(UsageError, match=r"mine does not suit the encoder.*'zebra', 'stripes'"):
        embed_bank(encoder, bank, template=TEMPLATE)
    with pytest.raises(UsageError, match=r"template 'a photo showing {}' does not.*'showing'"):
        embed_bank(encoder, bank, template=SHOWING)


def test_texts_of_the_same_tokens_are_named(encoder):
    bank = concept_bank(["red circle", "red, circle!"], origin="mine")
    with pytest.raises(UsageError, match=r"become the same tokens.*suited_bank"):
        embed_bank(encoder, bank, template=TEMPLATE)


@pytest.mark.parametrize("template", ["a photo", "{} of {}", "a {0.__class__}", ""])
def test_a_template_has_one_place(encoder, bank, template):
    with pytest.raises(UsageError, match="once"):
        embed_bank(encoder, bank, template=template)


def test_what_does_not_suit_is_left_out_and_told(encoder):
    long = " ".join(["red"] * 9)
    bank = descriptor_bank(
        {"x": ["red circle", "zebra", "red, circle!"], "y": [long, "zebra", "grey"]},
        origin="mine",
        most_words=9,
    )
    found = suited_bank(encoder, bank, template=TEMPLATE)
    assert found.texts == ("red circle", "grey")
    assert found.by_class == {"x": (0,), "y": (1,)}
    assert [(item.text, item.reason) for item in found.dropped[-3:]] == [
        ("zebra", "unknown words"),
        ("red, circle!", "same tokens"),
        (long, "longer than the context"),
    ]
    assert suited_bank(encoder, found, template=TEMPLATE).texts == found.texts
    embed_bank(encoder, found, template=TEMPLATE)


def test_nothing_that_suits_is_an_error(encoder):
    bank = concept_bank(["zebra", "lion", "red"], origin="mine")
    with pytest.raises(UsageError, match="2 unknown words"):
        suited_bank(encoder, bank, template=TEMPLATE)


class Characters:
    """A tokenizer with open_clip's means to say where a text is cut."""

    context_length = 12

    def encode(self, text):
        return [ord(character) % 18 + 1 for character in text]

    def decode(self, ids):
        return " ".join(map(str, ids))

    def __call__(self, texts):
        ids = torch.zeros(len(texts), self.context_length, dtype=torch.long)
        for row, text in enumerate(texts):
            known = self.encode(text)[: self.context_length - 2]
            ids[row, 1 : 1 + len(known)] = torch.tensor(known)
            ids[row, 1 + len(known)] = 23
        return ids


def test_texts_beyond_the_context_are_told(encoder, caplog):
    encoder.tokenizer = Characters()
    bank = concept_bank(["red", "a very long text", "blue"], origin="mine")
    with caplog.at_level(logging.WARNING):
        found = embed_bank(encoder, bank, template="{}")
    assert len(found.notes) == 1
    assert "'a very long text' is cut" in found.notes[0]
    assert found.notes[0] in caplog.text
    assert suited_bank(encoder, bank, template="{}").texts == ("red", "blue")


def test_the_authors_layers_are_read(tmp_path):
    weight = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    for number, content in enumerate(({"layer": {"weight": weight}}, {"weight": weight})):
        path = tmp_path / f"{number}.pth"
        torch.save(content, path)
        assert_close(published_rows(path, texts=4), normalize(weight, dim=1))
    with pytest.raises(UsageError, match="4 rows for 5 texts"):
        published_rows(path, texts=5)
    torch.save({"bias": torch.ones(3)}, path)
    with pytest.raises(UsageError, match="wanted a matrix called weight"):
        published_rows(path, texts=3)


def test_the_user_keeps_his_model(encoder, bank):
    encoder.module.train()
    before = {name: tensor.clone() for name, tensor in encoder.module.state_dict().items()}
    state = torch.get_rng_state()
    embed_bank(encoder, bank, template=TEMPLATE)
    assert encoder.module.training
    assert torch.equal(state, torch.get_rng_state())
    for name, tensor in encoder.module.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_facts_of_a_stored_bank_say_whose_it_is(encoder, bank, tmp_path):
    from seewhy.passes.store import Store

    embed_bank(encoder, bank, template=TEMPLATE, folder=tmp_path)
    (path,) = tmp_path.glob("*.safetensors")
    facts = Store(tmp_path).load(path.stem).facts
    assert json.loads(json.dumps(facts)) == {"origin": "mine", "bank": bank.digest, "texts": 4}
