import json
import sys
from types import SimpleNamespace
from unittest.mock import Mock

import pyarrow.parquet
import pytest
from tests.mapping.examples import any_text_encoder, folder_of, scene

from seewhy.base.errors import DataError
from seewhy.cli.main import run
from seewhy.mapping import asking


@pytest.fixture(autouse=True)
def encoder(monkeypatch):
    """The tiny encoder that takes any text stands for every name."""
    made = any_text_encoder()
    monkeypatch.setattr(asking, "load_dual_encoder", Mock(return_value=made))
    return made


@pytest.fixture
def mapped(tmp_path, capsys):
    """Runs the command on a folder of three images; returns code, output and errors."""
    folder_of(tmp_path / "in")

    def call(*options, where="in"):
        line = ["map", str(tmp_path / where), "--output", str(tmp_path / "out"), "--method", "raw"]
        code = run([*line, "--no-figures", "--size", "32", *options])
        return code, *capsys.readouterr()

    return call


def rows(tmp_path):
    return pyarrow.parquet.read_table(tmp_path / "out" / "maps.parquet").to_pylist()


def document(tmp_path):
    return json.loads((tmp_path / "out" / "maps.json").read_bytes())


def test_a_folder_is_mapped_and_summed_up(mapped, tmp_path):
    code, out, _ = mapped("--text", "red", "--text", "blue")
    assert code == 0
    assert "3 made, 0 kept, 0 failed" in out
    assert str(tmp_path / "out" / "report.html") in out.replace("\n", "")
    assert len(rows(tmp_path)) == 6
    assert "0 made, 3 kept" in mapped("--text", "red", "--text", "blue")[1]


def test_a_single_image_shows_its_figures(mapped, tmp_path):
    code, out, _ = mapped("--text", "red", where="in/image 1.png")
    assert code == 0
    (row,) = rows(tmp_path)
    assert f"{row['x']}, {row['y']}" in out
    assert row["image"] == "image 1.png"


def test_what_is_said_arrives(mapped, tmp_path, monkeypatch):
    options = (
        "--text red --other blue --encoder open_clip:RN50/openai --template {} --framing model "
        "--scaling min-max --removal common --shifts 2 --look published --frame input --no-arrays "
        "--batch-size 2 --max-failures 0.5 --tolerate-truncated --device cpu --allow-download "
        "--seed 4 --strict"
    )
    assert mapped(*options.split())[0] == 0
    settings = document(tmp_path)["settings"]
    assert settings == {
        "templates": ["{}"], "size": 32, "framing": "model", "scaling": "min-max",
        "removal": "common", "shifts": 2, "seed": 4, "device": "cpu", "allow_download": True,
        "tolerate_truncated": True, "methods": ["raw"], "look": "published", "figures": False,
        "arrays": False, "frame": "input",
    }  # fmt: skip
    assert document(tmp_path)["others"] == ["blue"]
    asking.load_dual_encoder.assert_called_once_with(
        "open_clip:RN50/openai", device="cpu", allow_download=True, seed=4
    )


def test_texts_of_a_file_come_after_those_of_the_line(mapped, tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("blue\n\nred\nblue\n=cmd()\n", encoding="utf-8")
    code, out, _ = mapped("--text", "red", "--texts-file", str(path))
    assert code == 0
    assert document(tmp_path)["texts"] == ["red", "blue", "=cmd()"]
    assert "1 repeated lines were left out" in out
    assert "1 blank lines were left out" in out


def test_hostile_texts_reach_the_terminal_as_texts(mapped, tmp_path):
    code, out, _ = mapped("--text", "\x1b[31mred\u202e", "--text", "[bold]", where="in/image 0.png")
    assert code == 0
    assert "\\x1b[31mred\\u202e" in out
    assert "[bold]" in out
    assert "\x1b[31mred" not in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "name at least one text"),
        (["--text", " "], "text 0 is ' '"),
        (["--text", "red", "--text", "red"], "become the same tokens"),
        (["--text", "red", "--method", "raw"], "name each once"),
        (["--text", "red", "--method", "magic"], "no method 'magic'"),
        (["--text", "red", "--template", "no place"], "{} once"),
        (["--text", "red", "--template", "{}", "--templates", "none"], "not both"),
        (["--text", "red", "--size", "33"], "33 x 33 is no multiple"),
        (["--text", "red", "--look", "published"], "scaling 'min-max'"),
        (["--text", "red", "--other", "blue"], "other texts change no map"),
        (["--text", "much longer than it reads", "--strict"], "is cut after"),
        (["--texts-file", "nowhere.txt"], "no file of texts"),
    ],
)
def test_wrong_requests_are_exit_code_2(mapped, options, message):
    code, _, err = mapped(*options)
    assert code == 2
    assert message in err


def test_wrong_places_are_exit_code_2(mapped, tmp_path):
    assert mapped("--text", "red", where="nowhere")[0] == 2
    (tmp_path / "out").write_text("a file")
    assert mapped("--text", "red")[0] == 2


def test_too_many_failures_are_exit_code_3_after_all_is_written(mapped, tmp_path):
    (tmp_path / "in" / "broken.png").write_bytes(b"no image")
    code, out, err = mapped("--text", "red")
    assert code == 3
    assert "failed   broken.png: unidentified" in out
    assert "[too_many_failures]" in err
    assert (tmp_path / "out" / "report.html").exists()
    assert mapped("--text", "red", "--max-failures", "0.25")[0] == 0


def test_a_broken_image_by_itself_is_exit_code_3(mapped, tmp_path):
    (tmp_path / "in" / "broken.png").write_bytes(b"no image")
    code, _, err = mapped("--text", "red", "--max-failures", "1", where="in/broken.png")
    assert code == 3
    assert "[all_failed]" in err


@pytest.fixture
def pointed(tmp_path, capsys):
    """Runs `seewhy points` on an image; returns code, output and errors."""
    scene().save(tmp_path / "a.png")

    def call(*options):
        code = run(["points", str(tmp_path / "a.png"), "--method", "raw", "--size", "64", *options])
        return code, *capsys.readouterr()

    return call


def test_points_are_printed_as_json(pointed):
    joined, escaped = "red+blue", r"C\+\+ \x1b漢字"
    code, out, err = pointed("--templates", "none", "--text", joined, "--text", escaped)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert [each["texts"] for each in found["found"]] == [["red", "blue"], ["C++ x1b漢字"]]
    assert (found["image"], found["width"], found["height"]) == ("a.png", 40, 30)
    assert {point["label"] for point in found["found"][0]["points"]} == {0, 1}


def test_points_are_written_with_masks_and_a_figure(pointed, tmp_path):
    code, out, _ = pointed("--text", "red", "--output", str(tmp_path / "out"))
    assert code == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"points.json", "points.png", "mask-red.png"}
    assert "points on it" in out


def test_settings_of_points_arrive(pointed):
    options = (
        "--text red --threshold 0.6 --shrink 3 --apart --mask-threshold 0.7 "
        "--removal common --shifts 3 --templates none --strict --seed 5 --device cpu "
        "--tolerate-truncated"
    )
    settings = json.loads(pointed(*options.split())[1])["settings"]
    assert settings == {
        "templates": "none", "size": 64, "framing": "whole", "scaling": "raw",
        "removal": "common", "shifts": 3, "seed": 5, "device": "cpu", "allow_download": False,
        "strict": True,
        "tolerate_truncated": True, "method": "raw", "threshold": 0.6, "shrink": 3, "apart": True,
        "mask_threshold": 0.7,
    }  # fmt: skip


def test_a_segmentation_network_is_asked(pointed, monkeypatch, tmp_path):
    from tests.methods.text_maps.test_segmenting import Boxes

    scene(width=8, height=6).save(tmp_path / "a.png")
    load = Mock(return_value=Boxes())
    monkeypatch.setitem(
        sys.modules, "seewhy.models.segmenters", SimpleNamespace(load_segmenter=load)
    )
    code, out, _ = pointed("--text", "red", "--sam", "folder", "--output", str(tmp_path / "out"))
    assert code == 0
    load.assert_called_once_with("folder", device="auto")
    assert (tmp_path / "out" / "segment-red.png").exists()
    assert "0.9" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "name at least one text"),
        (["--text", "a+"], "empty text"),
        (["--text", "red", "--threshold", "0"], "have to be above 0"),
        (["--text", "red", "--sam", "nowhere"], "no segmentation network at nowhere"),
    ],
)
def test_wrong_requests_for_points_are_exit_code_2(pointed, options, message):
    code, _, err = pointed(*options)
    assert code == 2
    assert message in err


def test_an_image_that_cannot_be_read_is_exit_code_3(pointed, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    code, _, err = pointed("--text", "red")
    assert code == DataError.exit_code
    assert "[unidentified]" in err
