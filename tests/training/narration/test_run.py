import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.training.narration.small import (
    SMALL,
    actx_file,
    caption_files,
    easy_vqa_folder,
    small_narrator,
    small_preset,  # noqa: F401
    vqax_file,
)

from seewhy.base.errors import UsageError
from seewhy.evaluation.captions.files import read_results
from seewhy.models.narration.config import read_config
from seewhy.models.narration.storage import load_narrator, save_narrator
from seewhy.training.narration import presets
from seewhy.training.narration.building import Beginning
from seewhy.training.narration.keeping import Keeper
from seewhy.training.narration.material import Files
from seewhy.training.narration.presets import Changes
from seewhy.training.narration.run import Machine, NarratorTraining, prepared, train_narrator
from seewhy.training.narration.sources import DataFile

pytestmark = pytest.mark.usefixtures("small_preset")

HERE = Machine("cpu", 0)
DRAWN = NarratorTraining(tasks=("vqaX", "vcr"), changes=Changes(questions=4, final=4), seed=3)


class KilledError(Exception):
    pass


def interrupted(monkeypatch, *, after):
    """The training ends within the step behind this one, as if killed."""
    usual = Keeper.after_step

    def dying(self, done):
        if done.step > after:
            raise KilledError
        usual(self, done)

    monkeypatch.setattr(Keeper, "after_step", dying)


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_an_interrupted_training_ends_with_the_same_bytes(tmp_path, monkeypatch):
    training = replace(DRAWN, changes=replace(DRAWN.changes, precision="bf16", accumulate=2))
    whole = train_narrator(training, tmp_path / "whole", machine=HERE)
    with monkeypatch.context() as patch:
        interrupted(patch, after=2)
        with pytest.raises(KilledError):
            train_narrator(training, tmp_path / "halted", machine=HERE)
    with pytest.raises(UsageError, match="--resume"):
        train_narrator(training, tmp_path / "halted", machine=HERE)
    halted = train_narrator(training, tmp_path / "halted", machine=HERE, resume=True)
    for name in ("checkpoint.safetensors", "model.safetensors", "validation.csv", "metrics.json"):
        assert (whole / name).read_bytes() == (halted / name).read_bytes()


def test_resuming_with_other_settings_is_refused(tmp_path):
    training = replace(DRAWN, changes=replace(DRAWN.changes, steps=1))
    train_narrator(training, tmp_path, machine=HERE)
    with pytest.raises(UsageError, match="seed was 3 and is 4"):
        train_narrator(replace(training, seed=4), tmp_path, machine=HERE, resume=True)


def test_the_folder_is_the_best_narrator_with_all_that_is_known_of_it(tmp_path, monkeypatch):
    told = iter([0.5, 0.25])
    monkeypatch.setattr(
        "seewhy.training.narration.judging.Judgement.selected", lambda *_: next(told)
    )
    folder = train_narrator(
        DRAWN, tmp_path / "out", machine=replace(HERE, halves=True), progress=True
    )
    narrator = load_narrator(folder)
    assert narrator.config.layout == SMALL.layout
    assert narrator.config.prompts["actX"] == presets.DRAWN_PROMPTS.templates["actX"]
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["questions"] == 4
    assert set(metrics["tasks"]) == {"vqaX", "vcr"}
    assert len(lines(folder / "validation.csv")) == 3
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "best of steps: 2" in card
    assert "| vcr | " in card
    assert "Asked of another image" in card
    texts = read_results(folder / "predictions" / "unf_captions_full_2.json")
    assert len(texts) == 4


def test_captions_alone_may_be_drawn_and_trained_further(tmp_path):
    few = Changes(steps=1, questions=2, final=2)
    first = NarratorTraining(tasks=("captions",), changes=few)
    start = train_narrator(first, tmp_path / "captions", machine=HERE)
    assert "accuracy" not in lines(start / "validation.csv")[0]
    further = NarratorTraining(tasks=("vqaX",), beginning=Beginning(start=start), changes=few)
    found = train_narrator(further, tmp_path / "further", machine=HERE)
    assert load_narrator(found).tokenizer == load_narrator(start).tokenizer


@pytest.fixture
def mixed(tmp_path):
    """Three of the user's own files."""
    train = (
        DataFile("vqax", vqax_file(tmp_path), tmp_path),
        DataFile("actx", actx_file(tmp_path), tmp_path),
        DataFile("captions", caption_files(tmp_path), tmp_path),
    )
    checked = DataFile("vqax", vqax_file(tmp_path, first=50, count=3, name="val.json"), tmp_path)
    return Files(train, (checked,))


def test_own_files_are_mixed_and_asked_as_wanted(tmp_path, mixed):
    training = NarratorTraining(
        files=mixed, prompts={"actX": "what is going on"}, alpha=0.5, changes=Changes(steps=2)
    )
    folder = train_narrator(training, tmp_path / "out", machine=HERE)
    narrator = load_narrator(folder)
    words = set(narrator.tokenizer.words)
    assert {"what", "Ġgoing", "Ġskiing", "Ġthing", "Ġyes"} <= words
    assert narrator.config.prompts["actX"] == "what is going on"
    header, *rows = lines(folder / "validation.csv")
    assert header == "step,accuracy,told,CIDEr"
    assert len(rows) == 1
    preset, material = prepared(training)
    assert material.told["samples"] == {"vqaX": 8, "actX": 3, "captions": 5}
    assert material.told["alpha"] == 0.5
    assert preset.captions == SMALL.captions
    assert len(material.images) == 4 + 3 + 5 + 3


def test_epochs_are_counted_in_the_users_records(tmp_path, mixed, monkeypatch):
    counted = replace(SMALL, steps=None, epochs=2, checks=replace(SMALL.checks, every=0))
    monkeypatch.setattr(presets, "TINY", counted)
    folder = train_narrator(NarratorTraining(files=mixed), tmp_path / "out", machine=HERE)
    # 11 samples beside 2 captions in 8 rows: 11 / 6 steps an epoch, 4 in all, checked twice.
    assert [line.split(",")[0] for line in lines(folder / "validation.csv")[1:]] == ["2", "4"]


def test_answers_without_reasons_can_be_learnt(tmp_path):
    files = Files(
        (DataFile("easy-vqa", easy_vqa_folder(tmp_path / "easy")),),
        (DataFile("easy-vqa", tmp_path / "easy"),),
    )
    training = NarratorTraining(files=files, changes=Changes(steps=1))
    folder = train_narrator(training, tmp_path / "out", machine=HERE)
    assert lines(folder / "validation.csv")[0] == "step,accuracy"
    scores = json.loads((folder / "predictions" / "scores_exp_1.json").read_text())
    assert list(scores) == ["accuracy"]


def frozen(narrator):
    for parameter in narrator.tower.parameters():
        parameter.requires_grad_(False)
    return narrator


def test_stored_tokens_of_a_frozen_tower_are_used(tmp_path, mixed, monkeypatch):
    monkeypatch.setattr(
        "seewhy.training.narration.run.begin", lambda *_, **__: frozen(small_narrator())
    )
    training = NarratorTraining(files=mixed, changes=Changes(steps=2))
    machine = replace(HERE, features=tmp_path / "tokens")
    first = train_narrator(training, tmp_path / "first", machine=machine)
    assert len(list((tmp_path / "tokens").rglob("*.npy"))) == 15
    before = small_narrator().tower.state_dict()
    after = load_narrator(first).tower.state_dict()
    assert all(before[name].equal(after[name]) for name in before)
    for image in tmp_path.rglob("*.jpg"):
        # They are decoded no more; what files hold tells which tokens are theirs.
        assert image.is_file()
    monkeypatch.setattr("PIL.Image.open", None)
    again = train_narrator(training, tmp_path / "again", machine=machine)
    name = "model.safetensors"
    assert (first / name).read_bytes() == (again / name).read_bytes()


def test_tokens_of_a_tower_that_learns_are_not_stored(tmp_path, mixed):
    machine = replace(HERE, features=tmp_path / "tokens")
    with pytest.raises(UsageError, match="is trained"):
        train_narrator(NarratorTraining(files=mixed), tmp_path / "out", machine=machine)


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (NarratorTraining("uni-nlx"), "needs data"),
        (NarratorTraining("nlx-gpt"), "needs data"),
        (NarratorTraining("nlx-gpt", prompts={"vqaX": "what"}), "change nothing"),
        (NarratorTraining(prompts={"dogs": "what"}), "which is no task"),
        (NarratorTraining(tasks=("vqaX", "captions")), "cannot be drawn together"),
        (NarratorTraining(tasks=("easy_vqa",)), "cannot be drawn together"),
    ],
)
def test_what_cannot_be_is_refused(training, message):
    with pytest.raises(UsageError, match=message):
        prepared(training)


def test_the_task_of_published_presets_is_that_of_the_file(tmp_path):
    esnlive = tmp_path / "esnlive.json"
    entry = {"hypothesis": "So.", "answers": "neutral", "image_name": "1.jpg", "explanation": "so"}
    esnlive.write_text(json.dumps({"1": entry, "2": {**entry, "image_name": "2.jpg"}}))
    file = DataFile("esnlive", esnlive, tmp_path)
    preset, material = prepared(NarratorTraining("nlx-gpt", files=Files((file,), (file,))))
    assert (preset.epochs, preset.layout.longest) == (10, 40)
    assert material.prompts is None
    assert material.validation[0].accepted == ("neutral",)
    preset, _ = prepared(
        NarratorTraining(
            "nlx-gpt",
            files=Files((file,), (file,)),
            beginning=Beginning(start=Path("captions")),
        )
    )
    assert preset.rates.learning_rate == 1e-5


def test_a_narrators_folder_says_how_it_is_asked(tmp_path):
    save_narrator(tmp_path, small_narrator())
    assert read_config(tmp_path / "narrator.json").layout.has_objects
