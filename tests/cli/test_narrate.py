import json
from unittest.mock import Mock

import pytest
from tests.telling.examples import (
    ANSWERS,
    QUESTION,
    classifier,
    folder_of,
    looker,
    narrator,
)

from seewhy.cli.main import run
from seewhy.models.narration.storage import save_narrator
from seewhy.telling import asking


@pytest.fixture(autouse=True)
def load(monkeypatch):
    """A narrator of two sentences, an encoder of colours and a classifier of red."""
    loaded = Mock(return_value=classifier())
    monkeypatch.setattr(asking, "load_model", loaded)
    monkeypatch.setattr(asking, "_looker", lambda *_: (looker(), ()))
    return loaded


@pytest.fixture
def narrated(tmp_path, capsys):
    """Runs the command on both images; returns code, output and errors."""
    folder_of(tmp_path / "in")
    save_narrator(tmp_path / "narrator", narrator())

    def call(*options, where="in", who="narrator"):
        who = str(tmp_path / who) if (tmp_path / who).exists() else who
        line = ["narrate", str(tmp_path / where), "--output", str(tmp_path / "out")]
        code = run([*line, "--narrator", who, "--no-figures", "--device", "cpu", *options])
        return code, *capsys.readouterr()

    return call


def document(tmp_path):
    return json.loads((tmp_path / "out" / "tellings.json").read_bytes())


def test_a_folder_is_told_and_kept(narrated, tmp_path):
    code, out, _ = narrated("--question", QUESTION, "--no-hiding")
    assert code == 0
    assert "2 of 2 reasons supported" in out
    assert "2 made, 0 kept, 0 failed" in out
    assert str(tmp_path / "out" / "report.html") in out.replace("\n", "")
    assert "0 made, 2 kept" in narrated("--question", QUESTION, "--no-hiding")[1]


def test_a_single_image_shows_its_reason(narrated):
    code, out, _ = narrated("--question", "What colour is the circle?", where="in/blue.png")
    assert code == 0
    assert f"What colour is the circle?: blue because {ANSWERS['blue']}" in out
    assert "no a green square" in out


def test_a_classifier_gives_the_answer(narrated, tmp_path, load):
    code, out, _ = narrated("--classifier", "mine", "--no-support", where="in/red.png")
    assert code == 0
    assert "red (98" in out
    assert "answers are the narrator's own" in out
    assert document(tmp_path)["classifier"] == "reds"
    assert document(tmp_path)["encoder"] is None
    load.assert_called_once_with("mine", device="cpu", allow_download=False, seed=0)


def test_what_is_said_arrives(narrated, tmp_path):
    options = (
        "--question", QUESTION, "--question", "what is the main object in the image",
        "--beams", "2", "--no-hiding", "--region", "0.2", "--bank", "objects", "--size", "64",
        "--seed", "3", "--batch-size", "1", "--max-failures", "0.5", "--tolerate-truncated",
    )  # fmt: skip
    assert narrated(*options)[0] == 0
    assert document(tmp_path)["settings"] == {
        "questions": [QUESTION, "what is the main object in the image"], "beams": 2,
        "support": True, "hiding": False, "region": 0.2, "bank": "objects", "size": 64,
        "figures": False, "seed": 3, "tolerate_truncated": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--question", "is it an elephant"), "does not know the words 'is', 'it', 'an'"),
        (("--question", QUESTION, "--question", QUESTION), "comes twice"),
        (("--beams", "0"), "beams"),
        (("--question", "?"), "has no words"),
    ],
)
def test_wrong_requests_are_exit_code_2(narrated, options, message):
    code, _, err = narrated(*options)
    assert code == 2
    assert message in err.replace("\n", " ")


def test_a_missing_narrator_is_exit_code_2(narrated, monkeypatch):
    monkeypatch.setattr(asking, "embedded_narrators", tuple)
    code, _, err = narrated(who="embedded:narrator-tiny")
    assert code == 2
    assert "comes with this installation; there is none" in err.replace("\n", " ")
    code, _, err = narrated(who="nowhere")
    assert code == 2
    assert "is no folder" in err
    assert narrated(where="in/none.png")[0] == 2


def test_too_many_failures_are_exit_code_3_after_all_is_written(narrated, tmp_path):
    (tmp_path / "in" / "broken.png").write_bytes(b"no image")
    code, out, err = narrated("--question", QUESTION, "--no-support")
    assert code == 3
    assert "failed   broken.png: unidentified" in out
    assert "[too_many_failures]" in err
    assert (tmp_path / "out" / "report.html").exists()
    assert narrated("--question", QUESTION, "--no-support", "--max-failures", "0.5")[0] == 0
