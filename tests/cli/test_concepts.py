import json
from unittest.mock import Mock

import pyarrow.parquet
import pytest
from tests.concepts.examples import bank_file, encoder, labelled_folder

from seewhy.cli.main import run
from seewhy.concepts import asking


@pytest.fixture(autouse=True)
def load(monkeypatch):
    """Tiny encoders that take any text stand for every name."""
    made = Mock(side_effect=lambda name, **_: encoder(name, seed=len(name)))
    monkeypatch.setattr(asking, "load_dual_encoder", made)
    return made


@pytest.fixture
def explained(tmp_path, capsys):
    """Runs the command on a folder of four images; returns code, output and errors."""
    labelled_folder(tmp_path / "in")
    bank = bank_file(tmp_path)

    def call(*options, where="in"):
        line = [
            "concepts",
            str(tmp_path / where),
            "--output",
            str(tmp_path / "out"),
            "--bank",
            bank,
        ]
        code = run([*line, "--parts", "2", "--refine", "none", "--size", "32", *options])
        return code, *capsys.readouterr()

    return call


def document(tmp_path):
    return json.loads((tmp_path / "out" / "concepts.json").read_bytes())


def test_a_labelled_folder_is_explained_and_summed_up(explained, tmp_path, load):
    code, out, _ = explained("--encoder", "one", "--encoder", "other")
    assert code == 0
    assert "4 made, 0 kept, 0 failed" in out
    assert document(tmp_path)["classes"] == ["a cat", "a dog"]
    assert [each["name"] for each in document(tmp_path)["encoders"]] == ["one", "other"]
    table = pyarrow.parquet.read_table(tmp_path / "out" / "concepts.parquet")
    assert table.num_rows == 8
    assert str(tmp_path / "out" / "report.html") in out.replace("\n", "")
    assert "0 made, 4 kept" in explained("--encoder", "one", "--encoder", "other")[1]


def test_a_single_image_shows_its_words(explained, load):
    classes = ("--class", "a dog", "--class", "a \x1b[31mcat")
    code, out, _ = explained(*classes, where="in/a_dog/0.png")
    assert code == 0
    assert load.call_args.args == ("embedded:clip-objects",)
    assert "texts found (chance of as many" in out
    assert "\x1b[31m" not in out


def test_what_is_said_arrives(explained, tmp_path, load):
    path = tmp_path / "classes.txt"
    path.write_text("a bird\na dog\n\n", encoding="utf-8")
    options = (
        "--class", "a dog", "--classes-file", str(path), "--protocol", "published",
        "--procedure", "parts", "--part-method", "pca", "--expected", "3", "--template", "{}",
        "--framing", "model",
        "--batch-size", "2", "--max-failures", "0.5", "--tolerate-truncated", "--device", "cpu",
        "--allow-download", "--seed", "4",
    )  # fmt: skip
    assert explained(*options)[0] == 0
    found = document(tmp_path)
    assert found["classes"] == ["a dog", "a bird"]
    wanted = {
        "protocol": "published", "procedure": "parts", "parts": 2, "refine": "none",
        "part_method": "pca", "expected": 3, "framing": "model", "size": 32,
        "templates": ["{}"], "seed": 4, "tolerate_truncated": True, "batch_size": 2,
    }  # fmt: skip
    assert found["settings"] == wanted | {"bank": str(tmp_path / "bank.txt")}
    load.assert_called_once_with("embedded:clip-objects", device="cpu", allow_download=True, seed=4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--class", "a dog"], "name at least two"),
        (["--class", "a dog", "--class", "A dog"], "repeats another"),
        (["--encoder", "one", "--encoder", "one"], "comes twice"),
        (["--template", "no place"], "{} once"),
        (["--template", "{}", "--templates", "none"], "not both"),
        (["--bank", "nowhere"], "no file and no bank that ships"),
        (["--size", "33"], "33 x 33 is no multiple"),
        (["--classes-file", "nowhere.txt"], "no file of texts"),
    ],
)
def test_wrong_requests_are_exit_code_2(explained, options, message):
    code, _, err = explained(*options)
    assert code == 2
    assert message in err.replace("\n", " ")


def test_too_many_failures_are_exit_code_3_after_all_is_written(explained, tmp_path):
    (tmp_path / "in" / "a_dog" / "broken.png").write_bytes(b"no image")
    code, out, err = explained()
    assert code == 3
    assert "failed   a_dog/broken.png: unidentified" in out
    assert "[too_many_failures]" in err
    assert (tmp_path / "out" / "report.html").exists()
    assert explained("--max-failures", "0.25")[0] == 0
