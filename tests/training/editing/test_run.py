import json
from dataclasses import replace

import pytest
import torch
from tests.training.editing.small import (
    CHANNELS,
    SMALL,
    caption_files,
    colours,  # noqa: F401
    small_preset,  # noqa: F401
)

from seewhy.base.errors import UsageError
from seewhy.models.checkpoints import read_weights
from seewhy.models.editing.storage import load_editor_parts
from seewhy.training.editing import presets
from seewhy.training.editing.files import EditorFiles
from seewhy.training.editing.keeping import Keeper
from seewhy.training.editing.presets import Changes
from seewhy.training.editing.run import EditorTraining, Machine, train_editor

pytestmark = pytest.mark.usefixtures("small_preset", "colours")

HERE = Machine("cpu")
ALONE = EditorTraining(network="editnet", seed=3)


class KilledError(Exception):
    pass


def interrupted(monkeypatch, *, after):
    """The training ends in the step behind this one, counted over all networks, as if killed."""
    usual = Keeper.after_step
    done = iter(range(1, 100))

    def dying(self, step):
        if next(done) > after:
            raise KilledError
        return usual(self, step)

    monkeypatch.setattr(Keeper, "after_step", dying)


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("after", [2, 5, 7])
def test_an_interrupted_training_ends_with_the_same_bytes(tmp_path, monkeypatch, after):
    """Killed in the first network, before the second was saved, and in the second."""
    training = EditorTraining(seed=3)
    whole = train_editor(training, tmp_path / "whole", machine=HERE)
    with monkeypatch.context() as patch:
        interrupted(patch, after=after)
        with pytest.raises(KilledError):
            train_editor(training, tmp_path / "halted", machine=HERE)
    with pytest.raises(UsageError, match="--resume"):
        train_editor(training, tmp_path / "halted", machine=HERE)
    halted = train_editor(training, tmp_path / "halted", machine=HERE, resume=True)
    names = ["model.safetensors", "metrics.json", "card.md"]
    for kind in ("editnet", "dcnet"):
        names += [
            f"training/{kind}/{name}" for name in ("checkpoint.safetensors", "validation.csv")
        ]
    for name in names:
        assert (whole / name).read_bytes() == (halted / name).read_bytes()


def test_another_seed_does_not_go_on(tmp_path):
    train_editor(ALONE, tmp_path, machine=HERE)
    with pytest.raises(UsageError, match="seed was 3 and is 4"):
        train_editor(replace(ALONE, seed=4), tmp_path, machine=HERE, resume=True)


def test_the_folder_is_an_editor_with_all_that_is_known_of_it(tmp_path):
    threads = torch.get_num_threads()
    folder = train_editor(
        EditorTraining(), tmp_path / "out", machine=replace(HERE, halves=True), progress=True
    )
    assert torch.get_num_threads() == threads
    parts = load_editor_parts(folder)
    assert [network.config.kind for network in parts.networks] == ["editnet", "dcnet"]
    assert (parts.config.features, parts.config.longest) == (CHANNELS, 14)
    assert parts.config.weights == (2.0, 1.0)
    stored = read_weights(folder / "model.safetensors").values()
    assert {each.dtype for each in stored} == {torch.float16}
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["captions"] == 4
    assert set(metrics["networks"]) == {"editnet", "dcnet"}
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "- steps (best): editnet 4 (" in card
    assert [row.split(",")[0] for row in lines(folder / "training/dcnet/validation.csv")[1:]] == [
        "2",
        "4",
    ]


def test_the_second_phase_changes_dcnet_alone_and_the_third_both(tmp_path):
    first = train_editor(EditorTraining(), tmp_path / "xe", machine=HERE)
    second = train_editor(
        EditorTraining(phase="mse", start=first, seed=1), tmp_path / "mse", machine=HERE
    )
    third = train_editor(
        EditorTraining(phase="rl", start=second, seed=1), tmp_path / "rl", machine=HERE
    )
    weights = [read_weights(each / "model.safetensors") for each in (first, second, third)]
    editnet = [name for name in weights[0] if name.startswith("networks.0")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in editnet)
    assert lines(third / "training/dcnet/validation.csv")[1].startswith("0,")
    assert not (second / "training/editnet").exists()
    assert (third / "training/editnet/checkpoint.safetensors").is_file()
    # Nothing of the second phase's own map is stored.
    assert weights[0].keys() == weights[1].keys() == weights[2].keys()


def test_nothing_worse_than_the_start_comes_of_a_further_training(tmp_path, monkeypatch):
    first = train_editor(ALONE, tmp_path / "xe", machine=HERE)
    monkeypatch.setattr("seewhy.training.editing.judging.Judgement._cider", lambda *_: 1.0)
    again = train_editor(replace(ALONE, start=first), tmp_path / "again", machine=HERE)
    one, two = (read_weights(each / "model.safetensors") for each in (first, again))
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", ["dcnet", "look-modify"])
def test_each_network_can_be_trained_by_itself(tmp_path, kind):
    folder = train_editor(
        EditorTraining(network=kind, source="grid", changes=Changes(steps=1)),
        tmp_path,
        machine=HERE,
    )
    (network,) = load_editor_parts(folder).networks
    assert network.config.kind == kind


def test_own_files_are_learnt_with_their_images_or_features(tmp_path, monkeypatch):
    captions, existing = caption_files(tmp_path)
    small = replace(SMALL, name="small", drawn=None)
    counted = {
        key: replace(each, steps=None, epochs=2, check_every=0)
        for key, each in small.recipes.items()
    }
    monkeypatch.setattr(presets, "SMALL", replace(small, recipes=counted, least=5))
    files = EditorFiles(captions, (existing,), images=tmp_path)
    training = replace(ALONE, preset="small", files=files, encoder="any")
    first = train_editor(training, tmp_path / "first", machine=HERE)
    # 8 training images with 12 captions in batches of 4: 3 steps an epoch.
    steps = [row.split(",")[0] for row in lines(first / "training/editnet/validation.csv")[1:]]
    assert steps == ["3", "6"]
    # Words of two captions in three; "ring" and its like stand four times.
    assert "red" in load_editor_parts(first).vocabulary.words
    assert "ring" not in load_editor_parts(first).vocabulary.words
    stored = replace(files, images=None, features=(first / "features",))
    again = train_editor(replace(training, files=stored), tmp_path / "again", machine=HERE)
    assert load_editor_parts(again).config == load_editor_parts(first).config
    name = "model.safetensors"
    assert (first / name).read_bytes() == (again / name).read_bytes()
    assert json.loads((again / "metrics.json").read_text(encoding="utf-8"))["captions"] == 2


@pytest.mark.parametrize(
    ("training", "message"),
    [
        (EditorTraining(phase="rl"), "Name an editor to start from"),
        (EditorTraining(network="look-modify", phase="mse"), "no phase mse"),
        (EditorTraining("coco-lam"), "has no editnet"),
        (EditorTraining("coco-set", encoder="any"), "coco-set needs data"),
        (EditorTraining("coco-set"), "--encoder"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, training, message):
    with pytest.raises(UsageError, match=message):
        train_editor(training, tmp_path, machine=HERE)


def test_there_has_to_be_something_to_go_on_with(tmp_path):
    with pytest.raises(UsageError, match="no training to go on with"):
        train_editor(ALONE, tmp_path, machine=HERE, resume=True)


def test_an_editor_without_the_network_cannot_go_on(tmp_path):
    first = train_editor(ALONE, tmp_path / "first", machine=HERE)
    with pytest.raises(UsageError, match="has no dcnet; it has editnet"):
        train_editor(EditorTraining(start=first), tmp_path / "again", machine=HERE)
