import csv

import pytest
import torch
from torch import nn

from seewhy.data.claims import attribute_claims, vocabulary
from seewhy.models.embedded import build_clip
from seewhy.models.vocabulary import WordTokenizer
from seewhy.training.cards import TrainingLog, write_card, zero_shot_scores

TOKENIZER = WordTokenizer(vocabulary(), 24)


@pytest.fixture(scope="module")
def encoder():
    return build_clip(
        {
            "embed_dim": 16,
            "vision_cfg": {"layers": 1, "width": 16, "head_width": 8, "patch_size": 8,
                           "image_size": 16},
            "text_cfg": {"context_length": 24, "vocab_size": TOKENIZER.vocab_size, "width": 16,
                         "heads": 2, "layers": 1},
        }
    ).eval()  # fmt: skip


def test_every_group_is_scored_on_scenes_and_digits_by_themselves(encoder):
    scores = zero_shot_scores(encoder, TOKENIZER, images=30)
    assert set(scores) == ({*attribute_claims(), "digits: value", "digits: colour"} - {"count"})
    assert all(0 <= score <= 1 for score in scores.values())
    assert scores == zero_shot_scores(encoder, TOKENIZER, images=30)
    # An untrained encoder guesses: about one in ten values on the 599 digits.
    assert scores["digits: value"] < 0.25


def test_scores_do_not_depend_on_how_the_size_is_written(encoder):
    expected = zero_shot_scores(encoder, TOKENIZER, images=10)
    size = encoder.visual.image_size
    encoder.visual.image_size = 16 if isinstance(size, tuple) else (16, 16)
    try:
        assert zero_shot_scores(encoder, TOKENIZER, images=10) == expected
    finally:
        encoder.visual.image_size = size


def read_rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_log_has_one_row_for_every_two_hundred_steps(tmp_path, monkeypatch):
    module, seen = nn.Linear(1, 1), []

    def scores(module, _tokenizer, *, images, groups):
        seen.append((module.training, images))
        return {"value": 0.98766, "colour": 1.0}

    monkeypatch.setattr("seewhy.training.cards.zero_shot_scores", scores)
    log = TrainingLog(tmp_path / "new" / "training.csv", module, TOKENIZER)
    for step in range(450):
        log.after_step(step, 1.0 / (step + 1))
    assert read_rows(tmp_path / "new" / "training.csv") == [
        {"step": "200", "loss": "0.005", "value": "0.9877", "colour": "1.0"},
        {"step": "400", "loss": "0.0025", "value": "0.9877", "colour": "1.0"},
    ]
    assert seen == [(False, 200), (False, 200)]
    assert module.training


def test_a_new_log_replaces_an_old_one(tmp_path):
    path = tmp_path / "training.csv"
    path.write_text("old", encoding="utf-8")
    TrainingLog(path, nn.Linear(1, 1), TOKENIZER)
    assert path.read_text(encoding="utf-8") == ""


def test_a_card_says_what_was_done_and_how_good_it_is(tmp_path):
    write_card(
        tmp_path,
        title="clip-tiny",
        facts={"command": "seewhy train encoder", "steps": "7"},
        scores={"value": 0.9876, "digits: colour": 1.0},
    )
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert text.startswith("# clip-tiny\n")
    assert "\n- command: seewhy train encoder\n- steps: 7\n" in text
    assert "\n| group | accuracy |\n| --- | --- |\n| value | 98.8 % |\n" in text
    assert "| digits: colour | 100.0 % |\n" in text
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["## Data", "## Recipe", "## Held-out zero-shot accuracy", "## Limits"]


def test_scoring_leaves_no_gradients_and_no_other_mode(encoder):
    zero_shot_scores(encoder, TOKENIZER, images=5)
    assert not encoder.training
    assert all(weight.grad is None for weight in encoder.parameters())
    assert torch.is_grad_enabled()
