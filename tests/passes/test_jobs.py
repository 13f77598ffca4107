import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from itertools import count
from math import ceil, log2
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from tests.passes.examples import (
    COUNTED,
    Raise,
    Square,
    Sums,
    brightness,
    record,
    same,
    squares,
)  # fmt: skip

from seewhy.base.errors import DataError, UsageError
from seewhy.data.records import ImageRecord
from seewhy.passes import store as store_module
from seewhy.passes.jobs import run_job
from seewhy.passes.loading import load_images
from seewhy.passes.options import PassOptions
from seewhy.passes.shards import shards_of
from seewhy.passes.store import Store

COUNTS = range(1, 10)


@pytest.fixture(autouse=True)
def _disk_without_waiting(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _handle: None)


def run(job, records, store=None, **options):
    return run_job(job, records, PassOptions(shard_images=2, store=store, **options))


def folded(records):
    """The job's result shard by shard from the left."""
    job = Sums()
    parts = [job.run(load_images(shard.records, brightness)) for shard in shards_of(records, 2)]
    return reduce(job.merge, parts)


def parts_in(folder):
    return len(list(folder.glob("*.json")))


@pytest.mark.parametrize("shards", COUNTS)
@pytest.mark.parametrize("kept", [True, False])
def test_the_result_is_that_of_a_fold(tmp_path, shards, kept):
    records = squares(2 * shards - 1, cut=(1, 4))
    part = run(Sums(), records, Store(tmp_path) if kept else None)
    fold = folded(records)
    assert part.facts == fold.facts
    np.testing.assert_array_equal(part.arrays["values"], fold.arrays["values"])
    assert part.arrays["total"] == fold.arrays["total"]
    np.testing.assert_allclose(part.arrays["tenths"], fold.arrays["tenths"], rtol=1e-6)
    assert part.facts["failures"] == [[f"r{n}", "cut"] for n in (1, 4) if n < len(records)]


def test_the_size_of_shards_changes_no_whole_number():
    runs = [run_job(Sums(), squares(11), PassOptions(shard_images=size)) for size in (1, 3, 11, 99)]
    assert all(part.arrays["values"].tolist() == list(range(11)) for part in runs)
    assert {int(part.arrays["total"]) for part in runs} == {55}


def test_processes_that_read_ahead_change_nothing():
    assert same(run(Sums(), squares(5), workers=2), run(Sums(), squares(5)))


class Spied(Store):
    """Counts the parts on the disk after each change, and those handed out."""

    def __init__(self, folder):
        super().__init__(folder)
        self.most = 0
        self.loaded = []

    def save(self, key, part):
        super().save(key, part)
        self.most = max(self.most, parts_in(self.folder))

    def load(self, key):
        self.loaded.append(key)
        return super().load(key)


@pytest.mark.parametrize("shards", [*COUNTS, 33])
def test_few_parts_are_on_the_disk_at_any_time(tmp_path, shards):
    store = Spied(tmp_path)
    run(Sums(), squares(2 * shards), store)
    assert store.most <= ceil(log2(shards)) + 2
    assert parts_in(tmp_path) == 1
    assert len(store.loaded) == 2 * (shards - 1) + 1


def test_a_finished_run_is_read_and_not_run_again(tmp_path):
    first = run(Sums(), squares(9), Store(tmp_path))
    job, store = Sums(), Spied(tmp_path)
    assert same(run(job, squares(9), store), first)
    assert job.seen == []
    assert len(store.loaded) == 1


class Stop(BaseException):
    """Ends a run in the middle."""


@pytest.mark.parametrize("shards", COUNTS)
def test_an_interrupted_run_loses_no_finished_shard(tmp_path, shards):
    records = squares(2 * shards)
    clean = run(Sums(), records)
    for stopped in range(shards):
        store = Store(tmp_path / f"{stopped}")
        first = Sums(before=Raise(f"r{2 * stopped}", Stop()))
        with pytest.raises(Stop):
            run(first, records, store)
        second = Sums()
        assert same(run(second, records, Store(store.folder)), clean)
        assert len(first.seen) == stopped
        assert len(second.seen) == shards - stopped
        assert parts_in(store.folder) == 1


def test_an_interruption_while_merging_loses_no_shard(tmp_path):
    @dataclass(frozen=True)
    class StopsAtMerge(Sums):
        left: list = None

        def merge(self, first, second):
            if not self.left:
                raise Stop
            self.left.pop()
            return super().merge(first, second)

    records = squares(14)
    clean = run(Sums(), records)
    for merges in range(6):
        folder = tmp_path / f"{merges}"
        first = StopsAtMerge(left=[None] * merges)
        with pytest.raises(Stop):
            run(first, records, Store(folder))
        second = Sums()
        assert same(run(second, records, Store(folder)), clean)
        assert len(first.seen) + len(second.seen) == 7


CHANGES: dict[str, Callable] = {
    "content": lambda records: [*records[:5], ImageRecord("r5", Square(77)), *records[6:]],
    "label": lambda records: [*records[:5], replace(records[5], label="x"), *records[6:]],
    "attribute": lambda records: [
        *records[:5],
        replace(records[5], attributes={"x": "y"}),
        *records[6:],
    ],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_record_is_seen_again_and_the_rest_is_kept(tmp_path, change):
    records = squares(8)
    with pytest.raises(Stop):
        run(Sums(before=Raise("r6", Stop())), records, Store(tmp_path))
    changed = CHANGES[change](records)
    job = Sums()
    assert same(run(job, changed, Store(tmp_path)), run(Sums(), changed))
    assert job.seen == [["r4", "r5"], ["r6", "r7"]]


def test_a_finished_run_is_seen_anew_when_a_record_changes(tmp_path):
    run(Sums(), squares(8), Store(tmp_path))
    changed = CHANGES["content"](squares(8))
    assert same(run(Sums(), changed, Store(tmp_path)), run(Sums(), changed))


def test_another_job_finds_nothing(tmp_path):
    run(Sums(), squares(4), Store(tmp_path))
    job = Sums(weight=3)
    assert run(job, squares(4), Store(tmp_path)).arrays["total"] == 18
    assert len(job.seen) == 2


def test_records_added_at_the_end_keep_what_is_there(tmp_path):
    run(Sums(), squares(8), Store(tmp_path))
    job = Sums()
    assert same(run(job, squares(11), Store(tmp_path)), run(Sums(), squares(11)))
    assert job.seen == [["r8", "r9"], ["r10"]]


def test_a_damaged_part_is_made_again(tmp_path):
    with pytest.raises(Stop):
        run(Sums(before=Raise("r6", Stop())), squares(8), Store(tmp_path))
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    job = Sums()
    assert same(run(job, squares(8), Store(tmp_path)), run(Sums(), squares(8)))
    assert len(job.seen) == 4


def test_nothing_to_run_on_is_refused():
    with pytest.raises(UsageError, match="there are no images to run on"):
        run(Sums(), [])


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    def nested(_ids):
        run(Sums(), squares(2), Store(tmp_path))

    with pytest.raises(UsageError, match=f"{re.escape(str(tmp_path))} is in use"):
        run(Sums(before=nested), squares(2), Store(tmp_path))
    run(Sums(), squares(2), Store(tmp_path))


@pytest.mark.parametrize("error", [DataError("bad", "x"), ValueError("x"), KeyboardInterrupt()])
@pytest.mark.parametrize("workers", [0, 1])
def test_errors_of_the_job_end_the_run_and_leave_nothing_behind(
    tmp_path, monkeypatch, error, workers
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(type(error)):
        run(Sums(before=Raise("r5", error)), squares(12), workers=workers)
    assert list(tmp_path.iterdir()) == []


def test_without_a_store_images_are_read_once_and_nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    COUNTED.clear()
    part = run(Sums(), squares(9))
    assert set(COUNTED.values()) == {1}
    assert list(tmp_path.iterdir()) == []
    assert part.arrays["values"].tolist() == list(range(9))


@pytest.mark.parametrize("progress", [True, False])
def test_long_runs_show_a_bar(monkeypatch, capsys, progress, tmp_path):
    monkeypatch.setattr("tqdm.std.time", count(0, 3).__next__)
    run(Sums(), squares(9, cut=[3]), progress=progress)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("9/9" in captured.err) == progress
    assert ("sums" in captured.err) == progress


def test_the_bar_counts_what_is_found(monkeypatch, capsys, tmp_path):
    with pytest.raises(Stop):
        run(Sums(before=Raise("r6", Stop())), squares(9), Store(tmp_path))
    monkeypatch.setattr("tqdm.std.time", count(0, 3).__next__)
    run(Sums(), squares(9), Store(tmp_path), progress=True)
    assert "9/9" in capsys.readouterr().err


def test_short_runs_are_silent(capsys):
    run(Sums(), [record(1)], progress=True)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_program_without_standard_error_still_runs(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert run(Sums(), [record(1)], progress=True).facts["ids"] == ["r1"]


class Dies(BaseException):
    """The process is no more."""


class Faults:
    """Makes the k-th step that reaches the disk fail, half done; after a death all later ones."""

    def __init__(self, patch, at=None, *, death=False):
        self.steps = 0
        self.at = at
        self.death = death
        for place, name, failure in (
            (os, "fsync", OSError(28, "full")),
            (os, "replace", OSError(28, "full")),
            (os, "unlink", OSError(5, "broken")),
            (Path, "touch", OSError(28, "full")),
            (Path, "write_bytes", OSError(28, "full")),
            (store_module, "save_file", SafetensorError("full")),
        ):
            patch.setattr(place, name, self.guarded(getattr(place, name), name, failure))

    def guarded(self, real, name, failure):
        def step(*arguments, **options):
            self.steps += 1
            if self.at is None or self.steps < self.at or (self.steps > self.at and not self.death):
                return real(*arguments, **options)
            if self.steps == self.at and name in ("write_bytes", "save_file"):
                real(*arguments, **options)
                path = Path(arguments[name == "save_file"])
                with path.open("r+b") as stream:
                    stream.truncate(path.stat().st_size // 2)
            raise Dies if self.death else failure

        return step


@pytest.mark.parametrize("death", [False, True])
def test_whatever_step_to_the_disk_fails_the_rest_can_be_resumed(tmp_path, monkeypatch, death):
    records = squares(5)
    clean = run(Sums(), records)
    with monkeypatch.context() as patch:
        faults = Faults(patch)
        run(Sums(), records, Store(tmp_path / "all"))
    assert faults.steps > 30
    for at in range(1, faults.steps + 1):
        folder = tmp_path / f"{at}"
        with monkeypatch.context() as patch:
            Faults(patch, at, death=death)
            try:
                part = run(Sums(), records, Store(folder))
            except (UsageError, OSError, Dies):
                pass
            else:
                assert same(part, clean)
        assert same(run(Sums(), records, Store(folder)), clean)
        left = sorted(path.suffix for path in folder.iterdir())
        assert left == ["", ".json", ".safetensors"] or (not death and left[:1] == [""])


SCRIPT = """
import os, random, signal, sys, time
from pathlib import Path
from tests.passes.examples import Slow, Sums, same, squares
from seewhy.passes.jobs import run_job
from seewhy.passes.options import PassOptions
from seewhy.passes.store import Store

records, home = squares(40), Path(sys.argv[1])

def run(folder, workers):
    options = PassOptions(shard_images=3, workers=workers, store=Store(home / folder))
    return run_job(Sums(before=Slow(0.01)), records, options)

clean = run("clean", 0)
started = time.monotonic()
run("again", 0)
lasts = min(time.monotonic() - started, 2)
kills = 0
for seed in range(6):
    chance = random.Random(seed)
    for attempt in range(20):
        child = os.fork()
        if child == 0:
            run(f"{seed}", workers=seed // 5)
            os._exit(0)
        time.sleep(chance.uniform(0, 0.6 * lasts))
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0, status
            break
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills += 1
    assert same(run(f"{seed}", 0), clean), seed
    found = sorted(path.suffix for path in (home / f"{seed}").iterdir())
    assert found == ["", ".json", ".safetensors"], found
assert kills >= 6, kills
print("killed", kills)
"""


def test_a_run_killed_at_any_instant_resumes_to_the_same(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    # Into a file, not a pipe: workers of a killed run would hold a pipe open.
    output = tmp_path / "output.txt"
    with output.open("w") as stream:
        done = subprocess.run(
            [sys.executable, str(script), str(tmp_path)],
            env=os.environ | {"PYTHONPATH": str(Path.cwd())},
            stdout=stream,
            stderr=subprocess.STDOUT,
            timeout=480,
            check=False,
        )
    assert done.returncode == 0, output.read_text()
    assert "killed" in output.read_text()
