import json
import string

import pytest
import torch
from tests.models.narration.toys import stored, stored_part

from seewhy.base.errors import UsageError
from seewhy.models.narration.batches import training_batch
from seewhy.models.narration.config import EncoderTowerConfig, narrator_config
from seewhy.models.narration.decoding import narrate
from seewhy.models.narration.gpt2 import Gpt2Tokenizer
from seewhy.models.narration.layouts import row_layout
from seewhy.models.narration.narrations import DecodingOptions
from seewhy.models.narration.narrator import build_narrator
from seewhy.models.narration.published import PUBLISHED_TOWER, load_published, start_from_language
from seewhy.models.narration.rows import Row
from seewhy.models.narration.storage import load_narrator, save_narrator
from seewhy.models.narration.tokens import ANSWER, END, EXPLANATION, PAD, QUESTION, SPECIAL
from seewhy.models.preprocessing import IMAGENET_MEAN

BECAUSE = "\u0120because"
SPECIALS = {"vqax": (PAD, QUESTION, ANSWER, EXPLANATION), "act": (ANSWER, EXPLANATION)}


def write_tokenizer(folder, special=()):
    """GPT-2's kind of tokenizer of 29 letters, nine steps towards "because", and what is added."""
    pieces = [BECAUSE[:end] for end in range(2, len(BECAUSE) + 1)]
    words = ["\u0120", *string.ascii_lowercase, "\u010a", *pieces, END]
    merges = [f"{BECAUSE[: end - 1]} {BECAUSE[end - 1]}" for end in range(2, len(BECAUSE) + 1)]
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps({w: n for n, w in enumerate(words)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    if special:
        Gpt2Tokenizer.from_folder(folder, special=special).save(folder)
    return Gpt2Tokenizer.from_folder(folder, special=None)


def write_checkpoint(folder, words, *, prefix="w.", cross=True):
    """The stored decoder as transformers saves it, its table of words cut or filled to a size."""
    weights = {
        name: each for name, each in stored_part(prefix).items() if cross or "cross" not in name
    }
    table = weights["transformer.wte.weight"]
    weights["transformer.wte.weight"] = torch.cat([table, table])[:words].clone()
    weights["lm_head.weight"] = weights["transformer.wte.weight"]
    weights["transformer.wpe.weight"] = weights["transformer.wpe.weight"].repeat(3, 1)
    for block in range(2):
        weights[f"transformer.h.{block}.attn.bias"] = torch.ones(1, 1, 32, 32).tril()
        weights[f"transformer.h.{block}.attn.masked_bias"] = torch.tensor(-1e4)
    folder.mkdir(parents=True)
    torch.save(weights, folder / "pytorch_model.bin")
    sizes = {"n_embd": 24, "n_layer": 2, "n_head": 4, "n_positions": 96, "vocab_size": words}
    (folder / "config.json").write_text(json.dumps(sizes))
    return folder


@pytest.fixture
def published(tmp_path):
    def write(name, **more):
        special = (*SPECIALS.get(name, (PAD,)), *more.pop("special", ()))
        pieces = write_tokenizer(tmp_path / "nle_gpt2_tokenizer_0", special)
        assert set(pieces.special) == set(special)
        return write_checkpoint(tmp_path / "nle_model_3", pieces.size, **more)

    return write


@torch.no_grad()
def test_a_published_checkpoint_gives_what_transformers_makes_of_it(published, tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    folder = published("vqax")
    narrator = load_narrator(folder, tower=None)
    assert narrator.config.cut == "published"
    assert narrator.config.layout == row_layout("vqax")
    preprocessing = narrator.config.preprocessing
    assert (preprocessing.size, preprocessing.resize, preprocessing.mean) == (
        *(224, "squash"),
        IMAGENET_MEAN,
    )
    sizes = json.loads((folder / "config.json").read_text())
    plain = GPT2LMHeadModel(GPT2Config(**sizes, add_cross_attention=True)).eval()
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    plain.load_state_dict({name: weights[name] for name in plain.state_dict()})
    tokenizer = narrator.tokenizer
    tokens = ("i", "s", END, "\u0120", "a", BECAUSE)
    row = Row("0", tokens, (False,) * 6, (QUESTION,) * 2 + (ANSWER,) * 3 + (EXPLANATION,))
    features = stored()["image_features"][:1]
    wanted = plain(
        torch.tensor([tokenizer.ids(tokens)]),
        token_type_ids=torch.tensor([tokenizer.ids(row.segments)]),
        encoder_hidden_states=features,
    ).logits
    found = narrator(training_batch([row], tokenizer), features)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    first = narrate(narrator, features, [row], DecodingOptions(special="stop"))[0]
    save_narrator(tmp_path / "own", narrator)
    again = load_narrator(tmp_path / "own")
    assert narrate(again, features, [row], DecodingOptions(special="stop"))[0].ids == first.ids


@pytest.mark.parametrize(("special", "layout"), [("act", "act"), ("concepts", "concepts")])
def test_the_layout_is_told_from_the_special_tokens(published, special, layout):
    narrator = load_published(published(special), tower=None)
    assert narrator.config.layout == row_layout(layout)
    with pytest.raises(UsageError, match="without an image encoder, but 1 images came"):
        narrator.tower(torch.zeros(1, 3, 224, 224))


def test_boxes_of_a_published_checkpoint_are_read(published):
    more = ("<objects>", "<noobject>")
    folder = published("vqax", special=more, prefix="vcr.")
    narrator = load_published(folder, tower=None)
    assert narrator.config.layout == row_layout("vcr")
    assert narrator.config.published_noobject
    weight = stored_part("vcr.")["transformer.box_embed.weight"]
    assert torch.equal(narrator.box_embedding.weight, weight)


def test_a_language_model_starts_a_narrator(tmp_path):
    plain = write_tokenizer(tmp_path / "tokenizer")
    folder = write_checkpoint(tmp_path / "distilled", plain.size, cross=False)
    pieces = Gpt2Tokenizer.from_folder(tmp_path / "tokenizer", special=SPECIAL)
    config = narrator_config(
        width=24, blocks=2, heads=4, positions=30, tower={"kind": "features", "width": 8},
        layout=row_layout("act"), preprocessing={"size": 16},
    )  # fmt: skip
    narrator, before = (build_narrator(config, pieces, seed=1) for _ in range(2))
    start_from_language(narrator, folder)
    words, old = (each.decoder.transformer.wte.weight for each in (narrator, before))
    stored_words = stored_part("w.")["transformer.wte.weight"]
    assert torch.equal(words[: plain.size], torch.cat([stored_words] * 2)[: plain.size])
    assert torch.equal(words[plain.size :], old[plain.size :])
    assert narrator.decoder.lm_head.weight is words
    block, other = narrator.decoder.transformer.h[1], before.decoder.transformer.h[1]
    assert torch.equal(block.crossattention.q_attn.weight, other.crossattention.q_attn.weight)
    wanted = stored_part("w.")["transformer.h.1.mlp.c_fc.weight"]
    assert torch.equal(block.mlp.c_fc.weight, wanted)
    small = narrator_config(**{**config.model_dump(), "width": 12})
    with pytest.raises(UsageError, match="does not fit"):
        start_from_language(build_narrator(small, pieces), folder)


def test_what_is_no_checkpoint_is_refused(published, tmp_path):
    folder = published("vqax")
    with pytest.raises(UsageError, match="ViT-B-16"):
        load_published(folder)
    assert EncoderTowerConfig(name=PUBLISHED_TOWER).is_frozen
    write_tokenizer(tmp_path / "other")
    with pytest.raises(UsageError, match="has 40 words and its tokenizer 36"):
        load_published(folder, tower=None, tokenizer=tmp_path / "other")
    torch.save({"a": torch.ones(1)}, folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match=r"is no GPT-2: it has no transformer\.wpe\.weight"):
        load_published(folder, tower=None)
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(UsageError, match=r"neither model\.safetensors nor pytorch_model\.bin"):
        load_published(folder, tower=None)
    (folder / "config.json").write_text("[]")
    with pytest.raises(UsageError, match="not that of a GPT-2: n_embd, n_layer, n_head"):
        load_published(folder, tower=None)
    (folder / "config.json").write_text("{")
    with pytest.raises(UsageError, match=r"no readable config\.json"):
        load_published(folder, tower=None)
