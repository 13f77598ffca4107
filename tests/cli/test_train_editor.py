from pathlib import Path
from unittest.mock import Mock

import pytest
from tests.training.editing.small import (
    colours,  # noqa: F401
    small_preset,  # noqa: F401
)

from seewhy.cli.main import run
from seewhy.models.editing.storage import load_editor_parts
from seewhy.training.editing.files import EditorFiles
from seewhy.training.editing.presets import Changes
from seewhy.training.editing.run import EditorTraining, Machine


@pytest.fixture
def trained(monkeypatch):
    found = Mock(return_value=Path("made"))
    monkeypatch.setattr("seewhy.training.editing.run.train_editor", found)
    return found


def test_without_options_it_is_the_small_ensemble_on_drawn_pictures(trained, capsys):
    assert run(["train", "editor", "-o", "here"]) == 0
    trained.assert_called_once_with(
        EditorTraining(), Path("here"), machine=Machine(), resume=False, progress=False
    )
    assert capsys.readouterr().out == "editor   made\n"


def test_all_options_arrive(trained):
    line = (
        "train editor -o here --preset coco-set --network editnet --phase rl --source grid "
        "--encoder e --captions c.json --existing a.json --existing b.json --images p "
        "--features f --features g --index i --start s --steps 3 --epochs 2 --batch 4 "
        "--learning-rate 0.1 --width 6 --dropout 0.2 --selection soft --pointer --check-every 5 "
        "--scenes 6 --validation 7 --final 8 --seed 9 --resume --halves --device cpu --threads 2"
    )
    assert run(line.split()) == 0
    trained.assert_called_once_with(
        EditorTraining(
            "coco-set",
            "editnet",
            "rl",
            "grid",
            "e",
            EditorFiles(
                Path("c.json"),
                (Path("a.json"), Path("b.json")),
                Path("p"),
                (Path("f"), Path("g")),
                (Path("i"),),
            ),
            "s",
            Changes(3, 2, 4, 0.1, 6, 0.2, "soft", True, 5, 6, 7, 8),
            9,
        ),
        Path("here"),
        machine=Machine("cpu", halves=True, threads=2),
        resume=True,
        progress=False,
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--images p", "without --captions"),
        ("--existing p", "without --captions"),
        ("--captions c --images p", "Name them with --existing"),
    ],
)
def test_what_does_not_fit_together_is_said(trained, capsys, options, message):
    assert run(["train", "editor", "-o", "here", *options.split()]) == 2
    assert message in capsys.readouterr().err
    trained.assert_not_called()


@pytest.mark.usefixtures("small_preset", "colours")
def test_an_editor_is_trained_from_the_command_line(tmp_path, capsys):
    line = ["train", "editor", "-o", str(tmp_path / "out"), "--network", "editnet", "--steps", "1"]
    assert run([*line, "--device", "cpu"]) == 0
    assert capsys.readouterr().out == f"editor   {tmp_path / 'out'}\n"
    assert load_editor_parts(tmp_path / "out").config.networks[0].kind == "editnet"
