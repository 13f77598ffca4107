from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

import pytest

from seewhy.audit import comparison, planted, planted_bench
from seewhy.audit.comparison import TaskReport, compare_readings
from seewhy.audit.planted import PlantedCase
from seewhy.audit.planted_bench import BenchDocument
from seewhy.base.errors import UsageError
from seewhy.cli import bench as command
from seewhy.cli.main import run
from seewhy.data.plants import make_plant
from seewhy.training.loop import Schedule

ENCODER = "embedded:clip-resnet"
CASES = [PlantedCase(make_plant(["background colour"], 0), family) for family in ("vgg", "resnet")]


@pytest.fixture(scope="module", autouse=True)
def _in_a_moment():
    quick = Schedule(steps=40, learning_rate=2e-3, weight_decay=0.01)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planted, "_SCHEDULES", dict.fromkeys(("resnet", "vgg", "convnext"), quick))
        for module, name, value in (
            (planted, "TRAINING_IMAGES", 256),
            (planted, "TRUTH_IMAGES", 20),
            (comparison, "AUDITED_IMAGES", 40),
            (comparison, "PROBE_IMAGES", 30),
        ):
            patch.setattr(module, name, value)
        yield


def fresh():
    """Cases without the digests that another test's settings gave them."""
    return [PlantedCase(case.plant, case.family) for case in CASES]


@dataclass(frozen=True)
class Bench:
    """One benchmark from training to scores, which all tests look at."""

    folder: Path
    reports: list[TaskReport]
    document: BenchDocument


@pytest.fixture(scope="module")
def bench(tmp_path_factory, _in_a_moment):
    folder, reports = tmp_path_factory.mktemp("planted"), []

    def noted(*given, **options):
        reports.extend(compare_readings(*given, **options))
        return reports

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planted_bench, "compare_readings", noted)
        document = planted_bench.run_planted_bench(fresh(), folder, encoder=ENCODER)
    return Bench(folder, reports, document)


def test_the_benchmark_from_training_to_scores(bench):
    document = bench.document
    assert document.models == document.learned == 2
    default = document.of("default")
    assert default.everything.decided == default.everything.right == 1
    assert default.everything.false_alarms == 0
    assert default.held_out.models == 2
    assert default.chosen_by.models == 0
    untrained, shuffled, unnamed = document.controls
    assert untrained.decided == unnamed.decided == 0
    assert (untrained.models, shuffled.models) == (2, 2)
    assert document.by_role["full"].models == 2
    assert document.by_role["twin"].models == 0
    published = document.of("graft-published").everything
    assert (published.models, published.decided) == (2, 1)
    assert BenchDocument.model_validate_json(document.model_dump_json()) == document


def test_what_was_said_is_kept_and_not_asked_again(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "task_report", None)
    folder = copytree(bench.folder, tmp_path / "copy")
    assert compare_readings(fresh(), folder, encoder=ENCODER) == bench.reports
    drops = bench.reports[0].truths["vgg: background colour/0"].drops
    assert drops["background colour"] > 0.5
    (kept,) = (folder / "said").glob("*.json")
    with pytest.raises(TypeError, match="not callable"):
        compare_readings(fresh(), folder, encoder=ENCODER, readings=("default",))
    kept.write_text("{", encoding="utf-8")
    with pytest.raises(TypeError, match="not callable"):
        compare_readings(fresh(), folder, encoder=ENCODER)


def test_a_classifier_cannot_read_captions(bench):
    with pytest.raises(UsageError, match="no dual encoder"):
        compare_readings(fresh(), bench.folder, encoder="torchvision:resnet18/random-weights")


def test_the_command_prints_a_row_per_reading_and_writes_the_figures(bench, monkeypatch, capsys):
    monkeypatch.setattr(planted, "quick_set", fresh)
    folder = str(bench.folder)
    code = run(["bench", "planted", "--quick", "--output", folder, "--processes", "1"])
    assert code == 0
    printed = capsys.readouterr().out
    for word in ("default", "graft-published", "keywords", "untrained", "2 of 2 learned"):
        assert word in printed
    written = BenchDocument.model_validate_json((bench.folder / "planted.json").read_bytes())
    seconds = {"build_seconds": 0.0, "reading_seconds": 0.0}
    assert written.model_copy(update=seconds) == bench.document.model_copy(update=seconds)
    assert command.bench.info.help
