import pytest

from seewhy.base.errors import UsageError
from seewhy.training.narration.presets import (
    NLX_GPT_TASKS,
    TINY,
    Changes,
    changed,
    from_captions,
    narrator_preset,
)

# The table of the published settings: epochs, batch, accumulated, learning rate, longest row.
PUBLISHED = {
    "captions": (30, 32, 6, 1e-4, 70),
    "vqaX": (30, 32, 1, 2e-5, 40),
    "actX": (30, 32, 1, 2e-5, 30),
    "esnlive": (10, 32, 1, 2e-5, 40),
    "vcr": (30, 16, 1, 2e-5, 80),
    "uni-nlx": (20, 64, 1, 2e-5, 125),
}


@pytest.mark.parametrize("task", PUBLISHED)
def test_published_numbers(task):
    is_uni = task == "uni-nlx"
    preset = narrator_preset(task) if is_uni else narrator_preset("nlx-gpt", task)
    epochs, batch, accumulated, rate, longest = PUBLISHED[task]
    assert (preset.epochs, preset.batch, preset.accumulate) == (epochs, batch, accumulated)
    assert (preset.rates.learning_rate, preset.layout.longest) == (rate, longest)
    assert (preset.rates.schedule, preset.rates.warmup, preset.rates.weight_decay) == (
        "linear", 0.0, 0.0,
    )  # fmt: skip
    assert (preset.rates.eps, preset.precision, preset.loss.parts) == (1e-6, "fp32", (1,) * 4)
    assert (preset.decoder.width, preset.decoder.blocks, preset.decoder.heads) == (768, 6, 12)
    assert preset.preprocessing.resize == "squash"
    assert preset.steps is None


def test_the_small_one_counts_steps_and_looks_at_places():
    assert narrator_preset("tiny", "vcr") is TINY
    assert (TINY.steps or 0) > 0
    assert (TINY.batch, TINY.captions, TINY.precision, TINY.grid_code) == (64, 0.15, "bf16", "sine")
    assert TINY.rates.schedule == "one-cycle"
    assert not TINY.needs_weights


@pytest.mark.parametrize(("name", "task"), [("large", None), ("nlx-gpt", "imagenetX")])
def test_others_are_refused(name, task):
    with pytest.raises(UsageError, match="no "):
        narrator_preset(name, task)


def test_after_captions_published_ones_learn_at_half_the_rate():
    assert from_captions(NLX_GPT_TASKS["vqaX"]).rates.learning_rate == 1e-5
    assert from_captions(NLX_GPT_TASKS["captions"]) is NLX_GPT_TASKS["captions"]
    assert from_captions(TINY) is TINY


def test_changes_are_made_and_all_else_stays():
    assert changed(TINY, Changes()) == TINY
    found = changed(TINY, Changes(steps=3, learning_rate=0.5, check_every=7, questions=2, final=9))
    assert (found.steps, found.rates.learning_rate) == (3, 0.5)
    assert (found.checks.every, found.checks.questions, found.checks.final) == (7, 2, 9)
    assert (found.batch, found.rates.eps, found.checks.select) == (64, TINY.rates.eps, "truth")
