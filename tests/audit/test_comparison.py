import json

import pytest

from seewhy.audit import comparison, planted
from seewhy.audit.comparison import compare_readings
from seewhy.audit.planted import PlantedCase
from seewhy.audit.planted_bench import BenchDocument, run_planted_bench
from seewhy.base.errors import UsageError
from seewhy.cli import bench as command
from seewhy.cli.main import run
from seewhy.data.plants import make_plant
from seewhy.training.loop import Schedule

ENCODER = "embedded:clip-resnet"
CASES = [PlantedCase(make_plant(["background colour"], 0), family) for family in ("vgg", "resnet")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("planted")


@pytest.fixture(autouse=True)
def _in_a_moment(monkeypatch):
    quick = Schedule(steps=50, learning_rate=2e-3, weight_decay=0.01)
    monkeypatch.setattr(planted, "_SCHEDULES", dict.fromkeys(("resnet", "vgg", "convnext"), quick))
    for module, name, value in (
        (planted, "TRAINING_IMAGES", 256),
        (planted, "TRUTH_IMAGES", 40),
        (comparison, "AUDITED_IMAGES", 64),
        (comparison, "PROBE_IMAGES", 50),
    ):
        monkeypatch.setattr(module, name, value)


def fresh():
    """Cases without the digests that another test's settings gave them."""
    return [PlantedCase(case.plant, case.family) for case in CASES]


def test_the_benchmark_from_training_to_scores(folder):
    document = run_planted_bench(fresh()[:1], folder, encoder=ENCODER)
    assert document.models == document.learned == 1
    default = document.of("default")
    assert default.everything.decided == default.everything.right == 1
    assert default.everything.false_alarms == 0
    assert default.held_out.models == 1
    assert default.chosen_by.models == 0
    untrained, shuffled, unnamed = document.controls
    assert untrained.decided == unnamed.decided == 0
    assert (untrained.models, shuffled.models) == (1, 1)
    assert document.by_role["full"].models == 1
    assert document.by_role["twin"].models == 0
    published = document.of("graft-published").everything
    assert (published.models, published.decided) == (1, 1)
    assert BenchDocument.model_validate_json(document.model_dump_json()) == document


def test_what_was_said_is_kept_and_not_asked_again(folder, monkeypatch):
    planted.train_planted(fresh(), folder)
    first = compare_readings(fresh(), folder, encoder=ENCODER, readings=("default",))
    monkeypatch.setattr(comparison, "task_report", None)
    again = compare_readings(fresh(), folder, encoder=ENCODER, readings=("default",))
    assert again == first
    assert first[0].truths["vgg: background colour/0"].drops["background colour"] > 0.5
    (kept,) = (
        path for path in (folder / "said").glob("*.json")
        if len(json.loads(path.read_text())["said"]) == 8
    )  # fmt: skip
    kept.write_text("{", encoding="utf-8")
    with pytest.raises(TypeError, match="not callable"):
        compare_readings(fresh(), folder, encoder=ENCODER, readings=("default",))


def test_a_classifier_cannot_read_captions(folder):
    planted.train_planted(fresh(), folder)
    with pytest.raises(UsageError, match="no dual encoder"):
        compare_readings(fresh(), folder, encoder="torchvision:resnet18/random-weights")


def test_the_command_prints_a_row_per_reading_and_writes_the_figures(folder, monkeypatch, capsys):
    monkeypatch.setattr(planted, "quick_set", fresh)
    code = run(["bench", "planted", "--quick", "--output", str(folder), "--processes", "1"])
    assert code == 0
    printed = capsys.readouterr().out
    for word in ("default", "graft-published", "keywords", "untrained", "2 of 2 learned"):
        assert word in printed
    document = BenchDocument.model_validate_json((folder / "planted.json").read_bytes())
    assert document.models == 2
    assert command.bench.info.help
