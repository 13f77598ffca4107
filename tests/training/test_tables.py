import sys
from types import SimpleNamespace

import pytest

from seewhy.base.errors import UsageError
from seewhy.training.steps import StepDone
from seewhy.training.tables import TrainingTables

PARTS = ("answer", "reason")


def done(step, loss=1.0, **parts):
    return StepDone(step, loss, parts, 0.5)


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_rows_are_means_since_the_last_one(tmp_path):
    log = TrainingTables(tmp_path, PARTS, every=2)
    for step, (loss, answer) in enumerate([(1.0, 2.0), (2.0, 4.0), (5.0, 0.0), (7.0, 1.0)], 1):
        log.after_step(done(step, loss, answer=answer))
    log.validated(2, {"accuracy": 0.25})
    log.close()
    assert lines(tmp_path / "training.csv") == [
        "step,loss,answer,reason,learning_rate",
        "2,1.5,3,,0.5",
        "4,6,0.5,,0.5",
    ]
    assert lines(tmp_path / "validation.csv") == ["step,accuracy", "2,0.25"]


def test_a_resumed_log_goes_on_behind_its_step(tmp_path):
    log = TrainingTables(tmp_path, PARTS, every=1)
    for step in (1, 2, 3):
        log.after_step(done(step, float(step)))
    log.validated(3, {"accuracy": 1.0})
    again = TrainingTables(tmp_path, PARTS, first=2, every=1)
    assert not (tmp_path / "validation.csv").exists()
    again.after_step(done(3, 9.0))
    assert [line.split(",")[:2] for line in lines(tmp_path / "training.csv")[1:]] == [
        ["1", "1"], ["2", "2"], ["3", "9"],
    ]  # fmt: skip


def test_the_same_figures_go_to_tensorboard(tmp_path, monkeypatch):
    told = []

    class Writer:
        def __init__(self, folder, purge_step):
            told.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            told.append((name, value, step))

        def close(self):
            told.append("closed")

    module = SimpleNamespace(SummaryWriter=Writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    log = TrainingTables(tmp_path, PARTS, first=4, events=True, every=1)
    log.after_step(done(5, 2.0, reason=3.0))
    log.validated(5, {"CIDEr": 1.5})
    log.close()
    assert told == [
        (str(tmp_path / "tensorboard"), 4),
        ("training/loss", 2.0, 5),
        ("training/reason", 3.0, 5),
        ("training/learning_rate", 0.5, 5),
        ("validation/CIDEr", 1.5, 5),
        "closed",
    ]


def test_without_its_package_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError, match=r"pip install .seewhy\[tensorboard\]"):
        TrainingTables(tmp_path, PARTS, events=True)


def test_tensorboard_itself_reads_what_was_written(tmp_path):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = TrainingTables(tmp_path, PARTS, events=True, every=1)
    log.after_step(done(1, 2.0))
    log.validated(1, {"CIDEr": 1.5})
    log.close()
    found = reading.EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    for name, value in (("training/loss", 2.0), ("validation/CIDEr", 1.5)):
        assert [(each.step, each.value) for each in found.Scalars(name)] == [(1, value)]
