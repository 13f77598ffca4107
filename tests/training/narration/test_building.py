import json
from dataclasses import replace

import pytest
from tests.training.narration.small import SMALL, small_narrator
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.data.narration.drawn.dataset import DRAWN_TASKS, drawn_captions, drawn_narrations
from seewhy.data.narration.prompts import Prompts, unified
from seewhy.models.narration.boxes import MOST_OBJECT_TOKENS
from seewhy.models.narration.encoder_towers import encoder_preprocessing
from seewhy.models.narration.layouts import row_layout
from seewhy.models.narration.storage import save_narrator
from seewhy.models.narration.tokens import SPACE, build_word_tokenizer
from seewhy.training.narration.building import Beginning, begin, drawn_texts, record_texts
from seewhy.training.narration.presets import DRAWN_PROMPTS, NLX_GPT_TASKS


def test_a_new_one_is_the_presets_and_knows_the_words():
    narrator = begin(
        SMALL, Beginning(), texts=["is it", " so so"], prompts=Prompts({"actX": "what"}), seed=3
    )
    config = narrator.config
    assert (config.width, config.blocks, config.layout) == (16, 1, SMALL.layout)
    assert (config.grid_code, config.prompts) == ("sine", {"actX": "what"})
    words = ["is", f"{SPACE}it", f"{SPACE}so"]
    words += [f"{SPACE}{number}" for number in range(MOST_OBJECT_TOKENS)]
    assert sorted(narrator.tokenizer.words) == sorted(words)
    other = begin(SMALL, Beginning(), texts=["is it", " so"], prompts=None, seed=4)
    assert not other.decoder.lm_head.weight.equal(narrator.decoder.lm_head.weight)
    assert other.config.prompts == {}


def test_published_presets_do_not_begin_from_nothing():
    with pytest.raises(UsageError, match="--decoder"):
        begin(NLX_GPT_TASKS["vqaX"], Beginning(), texts=[], prompts=None, seed=0)


def test_no_word_of_drawn_scenes_is_unknown():
    texts = drawn_texts(SMALL.layout, DRAWN_PROMPTS, DRAWN_TASKS)
    tokenizer = build_word_tokenizer(texts, objects=4)
    asked = [
        unified(each.record, DRAWN_PROMPTS)
        for each in drawn_narrations(210, seed=77, split="held-out")
    ]
    captions = [each.record for each in drawn_captions(30, seed=77)]
    unknown = [
        word
        for text in record_texts([*asked, *captions], SMALL.layout)
        for word in tokenizer.unknown_words(text)
    ]
    assert unknown == []


def test_a_narrator_is_trained_further_on_other_rows(tmp_path):
    narrator = small_narrator(seed=5)
    save_narrator(tmp_path, narrator)
    plain = begin(
        _with_layout("act"),
        Beginning(start=tmp_path),
        texts=["nothing of this"],
        prompts=None,
        seed=9,
    )
    assert plain.tokenizer == narrator.tokenizer
    assert plain.config.layout == row_layout("act")
    assert plain.box_embedding is None
    given = narrator.state_dict()
    for name, tensor in plain.state_dict().items():
        assert_close(tensor, given[name], rtol=0, atol=0)


def test_objects_may_be_learnt_later(tmp_path):
    save_narrator(tmp_path, small_narrator(_with_layout("act")))
    found = begin(SMALL, Beginning(start=tmp_path), texts=[], prompts=None, seed=9)
    assert found.box_embedding is not None


def _with_layout(name):
    return replace(SMALL, layout=row_layout(name))


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory):
    """A GPT-2 with random weights and a vocabulary of single letters and " because"."""
    from transformers import GPT2Config, GPT2LMHeadModel

    folder = tmp_path_factory.mktemp("gpt2")
    pieces = [*"abcdefghijklmnopqrstuvwxyz", SPACE, "<|endoftext|>"]
    merges, word = [], SPACE
    for letter in "because":
        merges.append(f"{word} {letter}")
        word += letter
        pieces.append(word)
    model = GPT2LMHeadModel(
        GPT2Config(vocab_size=len(pieces), n_positions=32, n_embd=12, n_layer=2, n_head=3)
    )
    model.save_pretrained(folder)
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    return folder, model


def test_a_language_model_gives_sizes_pieces_and_weights(gpt2):
    folder, model = gpt2
    narrator = begin(_with_layout("act"), Beginning(decoder=folder), texts=[], prompts=None, seed=0)
    config = narrator.config
    assert (config.width, config.blocks, config.heads, config.positions) == (12, 2, 3, 32)
    assert narrator.tokenizer.tokens(" because") == [f"{SPACE}because"]
    words = model.transformer.wte.weight
    assert len(narrator.decoder.transformer.wte.weight) > len(words)
    assert_close(narrator.decoder.transformer.wte.weight[: len(words)], words)
    for name, tensor in model.transformer.h.state_dict().items():
        assert_close(narrator.decoder.transformer.h.state_dict()[name], tensor, rtol=0, atol=0)


def test_folders_that_hold_no_language_model_are_refused(gpt2, tmp_path):
    folder, _ = gpt2
    preset = _with_layout("act")
    with pytest.raises(UsageError, match="holds no GPT-2"):
        begin(preset, Beginning(decoder=tmp_path), texts=[], prompts=None, seed=0)
    for name in ("config.json", "vocab.json", "merges.txt"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(UsageError, match="holds no weights"):
        begin(preset, Beginning(decoder=tmp_path), texts=[], prompts=None, seed=0)
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "n_layer": 3}))
    with pytest.raises(UsageError, match=r"h\.2\.attn"):
        begin(preset, Beginning(decoder=tmp_path), texts=[], prompts=None, seed=0)


def test_another_encoder_may_be_named_and_sees_as_it_learnt_to():
    name = "embedded:ssl-simclr"
    narrator = begin(SMALL, Beginning(encoder=name), texts=["so"], prompts=None, seed=0)
    assert narrator.config.tower.name == name
    assert narrator.config.preprocessing.mean == encoder_preprocessing(name).mean
    assert narrator.config.preprocessing.resize == "squash"
    assert not any(each.requires_grad for each in narrator.tower.parameters())
    assert narrator.adapter.weight.requires_grad
