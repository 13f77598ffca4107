from pathlib import Path
from unittest.mock import Mock

import pytest
from tests.training.narration.small import (
    actx_file,
    caption_files,
    small_preset,  # noqa: F401
    vqax_file,
)

from seewhy.cli.main import run
from seewhy.cli.train_narrator import FORMATS
from seewhy.models.narration.storage import load_narrator
from seewhy.training.narration.building import Beginning
from seewhy.training.narration.material import Files
from seewhy.training.narration.presets import Changes
from seewhy.training.narration.run import Machine, NarratorTraining
from seewhy.training.narration.sources import DATA_FORMATS, DataFile


@pytest.fixture
def trained(monkeypatch):
    found = Mock(return_value=Path("made"))
    monkeypatch.setattr("seewhy.training.narration.run.train_narrator", found)
    return found


def test_without_options_it_is_the_small_one_on_drawn_scenes(trained, capsys):
    assert run(["train", "narrator", "-o", "here"]) == 0
    trained.assert_called_once_with(
        NarratorTraining(), Path("here"), machine=Machine(), resume=False, progress=False
    )
    assert capsys.readouterr().out == "narrator made\n"


def test_all_options_arrive(trained):
    line = (
        "train narrator -o here --preset uni-nlx --task vqaX --task actX --data a.json "
        "--data b.json --format vqax --format actx --images p --validation c.json --test d.json "
        "--alpha 0.5 --captions 0.1 --prompt actX=what=so --start s --decoder g --encoder e "
        "--steps 3 --batch 4 --accumulate 2 --learning-rate 0.1 --precision bf16 --check-every 5 "
        "--questions 6 --final 7 --seed 8 --resume --features f --halves --tensorboard "
        "--device cpu --workers 1"
    )
    assert run(line.split()) == 0
    folder = Path("p")
    trained.assert_called_once_with(
        NarratorTraining(
            "uni-nlx",
            ("vqaX", "actX"),
            Files(
                (
                    DataFile("vqax", Path("a.json"), folder),
                    DataFile("actx", Path("b.json"), folder),
                ),
                (DataFile("vqax", Path("c.json"), folder),),
                (DataFile("vqax", Path("d.json"), folder),),
            ),
            Beginning("s", Path("g"), "e"),
            Changes(3, 4, 2, 0.1, 0.1, "bf16", 5, 6, 7),
            {"actX": "what=so"},
            0.5,
            8,
        ),
        Path("here"),
        machine=Machine("cpu", 1, Path("f"), halves=True, tensorboard=True),
        resume=True,
        progress=False,
    )


def test_the_forms_of_the_help_are_those_that_are_read():
    assert FORMATS == DATA_FORMATS


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--images p", "without --data"),
        ("--data a", "Name it with --format"),
        ("--data a --format coco", "no form of data 'coco'"),
        ("--data a --data b --data c --format vqax --format actx", "Give one for all"),
        ("--prompt actX", "is no prompt"),
    ],
)
def test_what_does_not_fit_together_is_said(trained, capsys, options, message):
    assert run(["train", "narrator", "-o", "here", *options.split()]) == 2
    assert message in capsys.readouterr().err
    trained.assert_not_called()


@pytest.mark.usefixtures("small_preset")
def test_own_files_are_trained_on_from_the_command_line(tmp_path, capsys):
    data = [vqax_file(tmp_path), actx_file(tmp_path), caption_files(tmp_path)]
    checked = vqax_file(tmp_path, first=60, count=2, name="val.json")
    line = ["train", "narrator", "-o", str(tmp_path / "out"), "--images", str(tmp_path)]
    for path, form in zip(data, ("vqax", "actx", "captions"), strict=True):
        line += ["--data", str(path), "--format", form]
    line += ["--validation", str(checked), "--alpha", "0", "--captions", "0.5"]
    line += ["--prompt", "actX=what do they do", "--steps", "1", "--precision", "bf16"]
    assert run([*line, "--device", "cpu", "--workers", "0"]) == 0
    assert capsys.readouterr().out == f"narrator {tmp_path / 'out'}\n"
    assert load_narrator(tmp_path / "out").config.prompts["actX"] == "what do they do"
