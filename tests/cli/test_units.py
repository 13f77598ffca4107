import json
from unittest.mock import Mock

import pytest
from tests.methods.unit_naming.planted import bank, colour_detectors, encoder, scenes

from seewhy.cli.main import run
from seewhy.units import run as job
from seewhy.units.run import Asked


@pytest.fixture
def named(tmp_path, capsys, monkeypatch):
    """Runs the command on the planted network; returns code, output and errors."""
    (tmp_path / "in").mkdir()
    for number, image in enumerate(scenes()):
        image.save(tmp_path / "in" / f"{number}.png")
    asked = Asked(colour_detectors(), encoder(), bank())
    monkeypatch.setattr(job, "load_asked", Mock(return_value=asked))

    def call(*options, site="site"):
        line = ["units", "detectors", "--site", site, "--data", str(tmp_path / "in")]
        code = run([*line, "--output", str(tmp_path / "out"), "--shuffles", "39", *options])
        return code, *capsys.readouterr()

    return call


def test_units_are_named_and_summed_up(named, tmp_path):
    code, out, _ = named()
    assert code == 0
    assert "a purple object" in out
    assert "6 of 8 named, 1 silent" in out
    assert str(tmp_path / "out" / "report.html") in out.replace("\n", "")


def test_what_is_said_arrives(named, tmp_path):
    options = (
        "--similarity rank-correlation --summary max --protocol published --best-texts 3 --level "
        "0.1 --most-images 100 --seed 4 --bank general --encoder embedded:clip-resnet --device cpu "
        "--allow-download --tolerate-truncated"
    )
    assert named(*options.split())[0] == 0
    assert json.loads((tmp_path / "out" / "units.json").read_bytes())["settings"] == {
        "similarity": "rank-correlation", "summary": "max", "protocol": "published",
        "best_texts": 3, "shuffles": 39, "level": 0.1, "most_images": 100, "seed": 4,
        "model": "detectors", "site": "site", "bank": "general",
        "encoder": "embedded:clip-resnet", "device": "cpu", "allow_download": True,
        "tolerate_truncated": True,
    }  # fmt: skip


def test_a_wrong_site_is_the_users(named):
    code, _, errors = named(site="sight")
    assert code == 2
    assert "no site 'sight'" in errors
