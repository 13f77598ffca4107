import json

import pytest
import torch
from tests.models.narration.toys import WORDS, asked, small_narrator

from seewhy.base.errors import UsageError
from seewhy.models.narration import storage
from seewhy.models.narration.batches import training_batch
from seewhy.models.narration.config import read_config
from seewhy.models.narration.storage import load_narrator, save_narrator
from seewhy.models.preprocessing import Preprocessing

ROWS = training_batch([asked("0", "what colour is the cat")], WORDS)
SIMCLR = {"kind": "encoder", "name": "embedded:ssl-simclr"}


@torch.no_grad()
def scores(narrator, side=16):
    pixels = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(2))
    return narrator(ROWS, narrator.image_tokens(pixels))


def test_a_narrator_comes_back_with_every_number(tmp_path):
    narrator = small_narrator(prompts={"actX": "what is it"})
    save_narrator(tmp_path, narrator, card="# A narrator\n")
    found = load_narrator(str(tmp_path))
    assert found.config == narrator.config == read_config(tmp_path / "narrator.json")
    assert found.tokenizer == WORDS
    assert torch.equal(scores(found), scores(narrator))
    assert not found.training
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("card.md", "model.safetensors", "narrator.json", "vocabulary.json"),
    ]


def test_halves_take_half_the_room_and_say_nearly_the_same(tmp_path):
    narrator = small_narrator(spread=1.0)
    save_narrator(tmp_path / "whole", narrator)
    save_narrator(tmp_path / "half", narrator, halves=True)
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    found = load_narrator(tmp_path / "half")
    assert scores(found).dtype == torch.float32
    torch.testing.assert_close(scores(found), scores(narrator), atol=2e-3, rtol=0)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_encoder_is_not_stored_again_and_a_trained_one_is(tmp_path, frozen):
    tower = {**SIMCLR, "is_frozen": frozen}
    narrator = small_narrator(tower=tower, preprocessing=Preprocessing(64, resize="squash"))
    if not frozen:
        with torch.no_grad():
            next(narrator.tower.parameters()).mul_(1.5)
    assert narrator.config.tower.width == narrator.tower.width
    assert (narrator.config.tower.weights is not None) == frozen
    save_narrator(tmp_path, narrator)
    assert torch.equal(scores(load_narrator(tmp_path), 64), scores(narrator, 64))
    names = storage.read_weights(tmp_path / "model.safetensors")
    assert any(name.startswith("tower.") for name in names) != frozen


def test_an_embedded_narrator_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "_SHIPPED", tmp_path)
    save_narrator(tmp_path / "narrator-small", small_narrator())
    assert storage.embedded_narrators() == ("narrator-small",)
    assert load_narrator("embedded:narrator-small").config == small_narrator().config
    with pytest.raises(UsageError, match="no embedded narrator 'other'; there are narrator-small"):
        load_narrator("embedded:other")


def test_what_is_no_narrator_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"holds neither narrator\.json nor config\.json"):
        load_narrator(tmp_path)
    save_narrator(tmp_path, small_narrator())
    config = json.loads((tmp_path / "narrator.json").read_text())
    for change, told in (
        ({"format": "seewhy.narrator/2"}, "format"),
        ({"width": 15}, "15 is no multiple of 2 heads"),
        ({"width": 14}, "14 is no multiple of 4, as the grid code needs"),
        ({"positions": 20}, "rows of 30 tokens do not fit 20 positions"),
        ({"more": 1}, "more: Extra inputs"),
        ({"layout": {**config["layout"], "odd": 1}}, r"layout.*odd"),
        ({"tower": {"kind": "eye"}}, "tower"),
    ):
        (tmp_path / "narrator.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(UsageError, match=told):
            load_narrator(tmp_path)
    (tmp_path / "narrator.json").write_text(json.dumps({**config, "blocks": 3}))
    with pytest.raises(UsageError, match="missing"):
        load_narrator(tmp_path)
    (tmp_path / "vocabulary.json").unlink()
    with pytest.raises(UsageError, match=r"neither vocabulary\.json nor a folder 'tokenizer'"):
        load_narrator(tmp_path)
