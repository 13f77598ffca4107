import json
from unittest.mock import Mock

import pytest
from tests.similarity.examples import RED, colour_encoder, gallery_of, spots

from seewhy.cli.main import run
from seewhy.similarity import asking


@pytest.fixture(autouse=True)
def load(monkeypatch):
    """A small encoder of colours stands for every name."""
    made = Mock(side_effect=lambda name, **_: colour_encoder(name=name))
    monkeypatch.setattr(asking, "load_image_encoder", made)
    return made


@pytest.fixture
def paired(tmp_path, capsys):
    """Runs the command; returns code, output and errors. Places are below the test's folder."""
    gallery_of(tmp_path / "gallery")
    spots((RED, (4, 4))).save(tmp_path / "query.png")

    def call(*options):
        placed = [str(tmp_path / each) if (tmp_path / each).exists() else each for each in options]
        code = run(["pairs", *placed, "--output", str(tmp_path / "out")])
        return code, *capsys.readouterr()

    return call


SEARCH = ("--query", "query.png", "--gallery", "gallery", "--method", "interaction-cam")


def document(tmp_path):
    return json.loads((tmp_path / "out" / "pairs.json").read_bytes())


def test_two_images_are_explained(paired, tmp_path, load):
    code, out, _ = paired("gallery/2 both.png", "gallery/3 all.png", "--method", "grad-cam")
    assert code == 0
    assert "1 made, 0 kept, 0 failed" in out
    assert load.call_count == 1
    assert document(tmp_path)["gallery"] is None
    assert str(tmp_path / "out" / "report.html") in out.replace("\n", "")


def test_neighbours_are_listed_and_kept(paired, tmp_path):
    code, out, _ = paired(*SEARCH, "--top", "2")
    assert code == 0
    assert "gallery  4 images, median cosine" in out
    assert [each["image"] for each in document(tmp_path)["pairs"]] == ["1 red.png", "2 both.png"]
    assert "0 made, 2 kept" in paired(*SEARCH, "--top", "2")[1]


def test_what_is_said_arrives(paired, tmp_path, load):
    options = (
        "--encoder", "one", "--method", "layer-cam", "--compared", "head", "--protocol",
        "published", "--framing", "whole", "--size", "48", "--region", "0.1", "--arrays",
        "--frame", "input", "--batch-size", "2", "--max-failures", "0.5", "--tolerate-truncated",
        "--device", "cpu", "--allow-download", "--seed", "4", "--top", "3",
    )  # fmt: skip
    assert paired(*SEARCH, *options)[0] == 0
    assert document(tmp_path)["settings"] == {
        "methods": ["interaction-cam", "layer-cam"], "protocol": "published", "compared": "head",
        "framing": "whole", "size": 48, "top": 3, "region": 0.1, "arrays": True,
        "frame": "input", "seed": 4, "tolerate_truncated": True,
    }  # fmt: skip
    load.assert_called_once_with("one", device="cpu", allow_download=True, seed=4, compared="head")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "wanted two images"),
        (("query.png",), "1 images were named"),
        (("query.png", "query.png", "query.png"), "3 images were named"),
        (("--query", "query.png"), "wanted two images, or --query with --gallery"),
        (("query.png", "query.png", "--gallery", "gallery"), "and nothing else"),
        (("query.png", "gallery"), "wanted one as the second"),
        (("query.png", "nowhere.png"), "does not exist"),
        ((*SEARCH, "--method", "guesswork"), "no method 'guesswork'"),
    ],
)
def test_wrong_requests_are_exit_code_2(paired, options, message):
    code, _, err = paired(*options)
    assert code == 2
    assert message in err.replace("\n", " ")


def test_too_many_failures_are_exit_code_3_after_all_is_written(paired, tmp_path):
    (tmp_path / "gallery" / "broken.png").write_bytes(b"no image")
    code, out, err = paired(*SEARCH)
    assert code == 3
    assert "failed   broken.png: unidentified" in out
    assert "[too_many_failures]" in err
    assert (tmp_path / "out" / "report.html").exists()
    assert paired(*SEARCH, "--max-failures", "0.25")[0] == 0
