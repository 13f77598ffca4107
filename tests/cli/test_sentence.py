import json
from unittest.mock import Mock

import pytest
from tests.mapping.examples import scene
from tests.models.texts import piecewise_encoder

from seewhy.base.errors import DataError
from seewhy.cli.main import run
from seewhy.mapping import asking


@pytest.fixture(autouse=True)
def encoder(monkeypatch):
    """A small encoder with a full vocabulary stands for every name."""
    monkeypatch.setattr(asking, "load_dual_encoder", Mock(return_value=piecewise_encoder()))


@pytest.fixture
def asked(tmp_path, capsys):
    """Runs `seewhy sentence` on an image; returns code, output and errors."""
    scene().save(tmp_path / "a.png")

    def call(sentence, *options):
        code = run(["sentence", str(tmp_path / "a.png"), sentence, *options])
        return code, *capsys.readouterr()

    return call


def test_words_are_printed_as_json(asked):
    code, out, err = asked("a zyzzyva [bold] 漢字")
    assert (code, err) == (0, "")
    found = json.loads(out)
    words = [each["word"] for each in found["words"]]
    assert words == ["[start]", "a", "zyzzyva", "[", "bold", "]", "漢字", "[end]"]
    assert found["sentence"] == "a zyzzyva [bold] 漢字"
    assert found["image"] == "a.png"


def test_words_are_shown_and_maps_are_written(asked, tmp_path):
    code, out, _ = asked("a red \x1b[31m circle", "--output", str(tmp_path / "out"))
    assert code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "sentence.json", "sentence.png", "sentence.safetensors",
    }  # fmt: skip
    found = json.loads((tmp_path / "out" / "sentence.json").read_bytes())
    rows = [line.split() for line in out.splitlines()]
    assert [row[0] for row in rows[1 : 1 + len(found["words"])]] == [
        each["word"].replace("\x1b", "\\x1b") for each in found["words"]
    ]
    assert "\x1b" not in out
    assert str(tmp_path / "out" / "sentence.png") in out.replace("\n", "")


def test_what_is_said_arrives(asked):
    options = (
        "--by top --top 2 --size 64 --strict --device cpu --seed 5 --tolerate-truncated "
        "--allow-download --encoder open_clip:RN50/openai"
    )
    settings = json.loads(asked("a dog", *options.split())[1])["settings"]
    assert settings == {
        "templates": "none", "size": 64, "framing": "whole", "scaling": "raw",
        "removal": "redundant", "shifts": 1, "seed": 5, "device": "cpu", "allow_download": True,
        "strict": True,
        "tolerate_truncated": True, "by": "top", "top": 2,
    }  # fmt: skip
    asking.load_dual_encoder.assert_called_once_with(
        "open_clip:RN50/openai", device="cpu", allow_download=True, seed=5
    )


def test_a_cut_sentence_is_noted(asked, tmp_path):
    code, out, _ = asked("dog " * 40, "--output", str(tmp_path / "out"))
    assert code == 0
    assert "note     piecewise reads 14 tokens" in out


@pytest.mark.parametrize(
    ("sentence", "options", "message"),
    [
        (" ", [], "text 0 is ' '"),
        ("", [], "text 0 is ''"),
        ("dog " * 40, ["--strict"], "is cut after"),
        ("dog <end_of_text> cat", [], "holds an end token of its own"),
        ("dog", ["--size", "33"], "33 x 33 is no multiple"),
        ("dog", ["--by", "start"], "Invalid value"),
    ],
)
def test_wrong_requests_are_exit_code_2(asked, sentence, options, message):
    code, _, err = asked(sentence, *options)
    assert code == 2
    assert message in err


def test_an_image_that_cannot_be_read_is_exit_code_3(asked, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    code, _, err = asked("dog")
    assert code == DataError.exit_code
    assert "[unidentified]" in err
