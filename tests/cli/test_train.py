import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from seewhy.cli.main import run


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ([], {"steps": None, "seed": 0, "start": None}),
        (["--steps", "3", "--seed", "9"], {"steps": 3, "seed": 9, "start": None}),
        (["--start", "before"], {"steps": None, "seed": 0, "start": Path("before")}),
    ],
)
def test_an_encoder_is_trained_as_asked(monkeypatch, capsys, options, asked):
    train_encoder = Mock(return_value=Path("made"))
    recipes = SimpleNamespace(train_encoder=train_encoder)
    monkeypatch.setitem(sys.modules, "seewhy.training.encoders", recipes)
    line = ["train", "encoder", "--preset", "clip-resnet", "--output", "here"]
    assert run([*line, *options]) == 0
    train_encoder.assert_called_once_with(
        "clip-resnet", Path("here"), **asked, progress=sys.stderr.isatty()
    )
    assert capsys.readouterr().out == "encoder  made\n"


@pytest.mark.parametrize(
    ("options", "asked"),
    [([], {"steps": None, "seed": 0}), (["--steps", "3", "--seed", "9"], {"steps": 3, "seed": 9})],
)
def test_an_image_encoder_is_trained_as_asked(monkeypatch, capsys, options, asked):
    train_image_encoder = Mock(return_value=Path("made"))
    recipes = SimpleNamespace(train_image_encoder=train_image_encoder)
    monkeypatch.setitem(sys.modules, "seewhy.training.image_encoders", recipes)
    assert run(["train", "ssl", "--method", "barlow", "--output", "here", *options]) == 0
    train_image_encoder.assert_called_once_with(
        "barlow", Path("here"), **asked, progress=sys.stderr.isatty()
    )
    assert capsys.readouterr().out == "encoder  made\n"


def test_a_method_that_is_not_there_is_refused(capsys):
    assert run(["train", "ssl", "--method", "byol", "--output", "here"]) == 2
    assert "simclr" in capsys.readouterr().err
