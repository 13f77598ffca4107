import json

import numpy as np
import pytest
from tests.mending.examples import TRUTHS, editor, image

from seewhy.cli.main import run
from seewhy.models.editing.feature_store import write_store
from seewhy.models.editing.sources import FileSourceConfig
from seewhy.models.editing.storage import EditorParts, save_editor

CAPTIONS = {"red": "a green circle", "blue": "a blue circle", "white": "a red circle"}


def write(path, captions):
    content = [{"image_id": name, "caption": text} for name, text in captions.items()]
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def edited(tmp_path, capsys):
    """Runs the command on three images; returns code, output and errors."""
    (tmp_path / "in").mkdir()
    for colour in TRUTHS:
        image(colour).save(tmp_path / "in" / f"{colour}.png")
    write(tmp_path / "captions.json", CAPTIONS)
    made = editor()
    save_editor(tmp_path / "editor", EditorParts(made.config, made.vocabulary, (made.network,)))

    def call(*options):
        places = {
            "--images": "in", "--editor": "editor", "--output": "out",
        }  # fmt: skip
        where = [part for name, place in places.items() for part in (name, str(tmp_path / place))]
        line = ["edit-captions", str(tmp_path / "captions.json"), *where, "--no-figures"]
        code = run([*line, "--device", "cpu", "--bootstrap", "100", "--least", "1", *options])
        return code, *capsys.readouterr()

    return call


def test_a_file_is_edited_and_kept(edited, tmp_path):
    code, out, _ = edited()
    assert code == 0
    assert "2 of 3 changed" in out
    assert "3 made, 0 kept, 0 failed" in out
    assert any(line.split()[:2] == ["green", "colour"] for line in out.splitlines())
    content = json.loads((tmp_path / "out" / "edited.json").read_bytes())
    assert {each["image_id"]: each["caption"] for each in content} == TRUTHS
    assert "0 made, 3 kept" in edited()[1]


@pytest.fixture
def blind(tmp_path):
    """The folder of an editor that reads features from files, and what it knows of each image."""
    made = editor()
    config = made.config.model_copy(update={"source": FileSourceConfig(width=made.source.width)})
    save_editor(tmp_path / "blind", EditorParts(config, made.vocabulary, (made.network,)))
    found = made.features_of([image(colour) for colour in TRUTHS])
    return str(tmp_path / "blind"), dict(zip(TRUTHS, found, strict=True))


@pytest.mark.parametrize("by", ["{}.png", "{}"])
def test_features_of_a_store_take_the_place_of_images(edited, blind, tmp_path, by):
    folder, known = blind
    write_store(tmp_path / "store", ((by.format(name), each) for name, each in known.items()))
    asked = ("--editor", folder, "--features", str(tmp_path / "store"))
    assert edited(*asked)[0] == 0
    content = json.loads((tmp_path / "out" / "edited.json").read_bytes())
    assert {each["image_id"]: each["caption"] for each in content} == TRUTHS
    assert "0 made, 3 kept" in edited(*asked)[1]


def test_other_features_make_other_edits_and_missing_ones_a_failure(edited, blind, tmp_path):
    folder, known = blind
    (tmp_path / "npz").mkdir()
    for name, other in {"red": "blue", "blue": "red"}.items():
        np.savez(tmp_path / "npz" / f"{name}.npz", feat=known[other].regions.numpy())
    asked = ("--editor", folder, "--features", str(tmp_path / "npz"), "--max-failures", "0.5")
    code, out, _ = edited(*asked)
    assert code == 0
    assert "failed   white: missing" in out
    content = json.loads((tmp_path / "out" / "edited.json").read_bytes())
    assert [each["caption"] for each in content] == ["a blue circle", "a red circle"]
    np.savez(tmp_path / "npz" / "red.npz", feat=known["red"].regions.numpy())
    assert "1 made, 1 kept" in edited(*asked)[1]


def test_features_that_do_not_fit_are_refused(edited, blind, tmp_path):
    folder, _ = blind
    code, _, err = edited("--editor", folder)
    assert (code, "edit-captions --features" in err) == (2, True)
    (tmp_path / "npz").mkdir()
    np.savez(tmp_path / "npz" / "red.npz", feat=np.zeros((2, 3), dtype=np.float32))
    code, _, err = edited("--features", str(tmp_path / "npz"))
    assert (code, "the features have 3 channels" in err) == (2, True)
    assert edited("--features", str(tmp_path / "nowhere"))[0] == 2


def test_too_many_failures_are_exit_code_3_after_all_is_written(edited, tmp_path):
    write(tmp_path / "captions.json", CAPTIONS | {"gone": "a circle"})
    code, out, err = edited()
    assert code == 3
    assert "failed   gone: missing" in out
    assert "[too_many_failures]" in err
    assert (tmp_path / "out" / "report.html").exists()
    assert edited("--max-failures", "0.5")[0] == 0


def test_words_of_ones_own_are_read(edited, tmp_path):
    words = tmp_path / "words.json"
    words.write_text(json.dumps({"ink": ["red", "green", "white", "blue"]}), encoding="utf-8")
    code, out, _ = edited("--words", str(words))
    assert code == 0
    assert any(line.split()[:1] == ["ink"] for line in out.splitlines())
    assert edited("--words", str(tmp_path / "none.json"))[0] == 2


def test_wrong_requests_are_exit_code_2(edited, tmp_path):
    assert edited("--images", str(tmp_path / "nowhere"))[0] == 2
    write(tmp_path / "captions.json", {})
    code, _, err = edited()
    assert code == 2
    assert "holds no caption" in err


def test_edits_of_anybody_are_audited(tmp_path, capsys):
    before = write(tmp_path / "before.json", CAPTIONS)
    after = write(tmp_path / "after.json", TRUTHS)
    line = ["evaluate", "edits", str(before), str(after), "--output", str(tmp_path / "out")]
    assert run([*line, "--least", "1", "--bootstrap", "100"]) == 0
    out = capsys.readouterr().out
    assert any(line.split()[:2] == ["green", "colour"] for line in out.splitlines())
    errors = json.loads((tmp_path / "out" / "errors.json").read_bytes())
    assert errors["errors"]["changed"] == 2
    assert run([*line[:3], str(tmp_path / "none.json"), *line[4:]]) == 2
