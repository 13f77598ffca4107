"""Does an audit survive being killed, give the same on Ray, and how far would it scale?

Run `python benchmarks/audit_scale.py [--kills 50]`; about 20 minutes on two cores.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from _record import Check, at_least, at_most, record
from _simulation import Costs, simulated
from rich.console import Console
from rich.table import Table

from seewhy.audit.demo import CONCEPTS, demo_classifier
from seewhy.audit.probes import probe_records
from seewhy.audit.result import AuditResult
from seewhy.audit.run import audit
from seewhy.audit.settings import AuditSettings
from seewhy.data.digits import DigitExperiment
from seewhy.data.records import ImageRecord
from seewhy.methods.grafting.jobs import MatchJob
from seewhy.methods.grafting.method import paper_sites
from seewhy.models.load import load_model
from seewhy.passes.jobs import run_job
from seewhy.passes.loading import load_images
from seewhy.passes.options import PassOptions
from seewhy.passes.store import Store

SHARDS = 20
SHARD_IMAGES = 2
PROBES = 24
WORKERS = (1, 2, 10, 30, 100, 300, 1000)
IMAGES = 1_000_000
SHARD_SIZES = (256, 1024, 4096)
EPOCH = "1700000000"


def prepare(home: Path) -> None:
    """A trained classifier, its images, probe images and captions, as files."""
    demo_classifier("biased", seed=0, folder=home / "models")
    for digit in DigitExperiment().records("held-out", "random")[: SHARDS * SHARD_IMAGES]:
        folder = home / "images" / (digit.label or "")
        folder.mkdir(parents=True, exist_ok=True)
        digit.read().save(folder / f"{hashlib.sha256(digit.id.encode()).hexdigest()[:12]}.png")
    (home / "probe").mkdir()
    for probe in probe_records(PROBES, side=64):
        probe.read().save(home / "probe" / f"{probe.id}.png")
    (home / "concepts.json").write_text(json.dumps(CONCEPTS))


def command(home: Path, output: Path) -> list[str]:
    """The audit that is killed: real files, the real command."""
    return [
        *("audit", "--model", f"classifier-dir:{home / 'models' / 'biased-0'}"),
        *("--data", str(home / "images"), "--probe", str(home / "probe")),
        *("--captions", str(home / "concepts.json"), "--output", str(output), "--resume"),
        *("--shard-images", str(SHARD_IMAGES), "--controls", "3", "--bootstrap", "100"),
    ]


def run_command(arguments: list[str]) -> None:
    """In a process of its own: one command line, in one thread."""
    torch.set_num_threads(1)
    os.environ["SOURCE_DATE_EPOCH"] = EPOCH
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    from seewhy.cli.main import run

    raise SystemExit(run(arguments))


def killed(arguments: list[str], *, after: float | None) -> tuple[float, int]:
    """Run the command; kill it after so many seconds. Returns its seconds and exit code."""
    context = multiprocessing.get_context("forkserver")
    process = context.Process(target=run_command, args=(arguments,))
    start = time.perf_counter()
    process.start()
    process.join(after)
    if process.is_alive() and process.pid is not None:
        os.kill(process.pid, signal.SIGKILL)
    process.join()
    return time.perf_counter() - start, process.exitcode or 0


def hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of an output."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def kill_matrix(home: Path, kills: int) -> tuple[list[Check], dict[str, object]]:
    """An audit of 20 shards killed at random instants and resumed, against the clean one."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(
        ["seewhy.audit.run", "seewhy.cli.main", "open_clip", "matplotlib.pyplot"]
    )
    killed(command(home, home / "warm"), after=1.0)
    seconds, code = killed(command(home, home / "clean"), after=None)
    if code:
        raise SystemExit(f"the clean run failed with status {code}")
    wanted = hashes(home / "clean")
    instants = np.random.default_rng(0).uniform(0.02, 0.98, size=kills) * seconds

    def trial(number: int) -> tuple[bool, bool]:
        output = home / f"killed-{number}"
        _, first = killed(command(home, output), after=float(instants[number]))
        _, code = killed(command(home, output), after=None)
        return first == -signal.SIGKILL, code == 0 and hashes(output) == wanted

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        trials = list(pool.map(trial, range(kills)))
    hit = sum(was_killed for was_killed, _ in trials)
    same = sum(is_same for _, is_same in trials)
    return [at_least(f"killed and resumed, identical outputs, of {kills}", same, kills)], {
        "clean run, seconds": seconds,
        "files compared": len(wanted),
        "runs that the kill still met": hit,
    }


def on_ray(home: Path) -> list[Check]:
    """The same audit in this process, on Ray, and on Ray with a worker killed."""
    import ray

    here = audited(home, "local")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        there = audited(home, "ray")
        killer = WorkerKiller()
        with killer:
            hurt = audited(home, "ray")
    finally:
        ray.shutdown()
    return [
        at_most("Ray against this process, largest difference", difference(here, there), 1e-6),
        at_most("Ray, a worker killed, largest difference", difference(here, hurt), 1e-6),
        at_least("workers killed meanwhile", killer.victims, 1),
    ]


class WorkerKiller:
    """Kills the first process that is seen at a task of a pass."""

    def __init__(self) -> None:
        self.victims = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.is_set() and not self.victims:
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    at_task = path.read_bytes().startswith(b"ray::complete_node")
                except OSError:
                    continue
                if at_task:
                    time.sleep(0.2)
                    os.kill(int(path.parent.name), signal.SIGKILL)
                    self.victims += 1
                    break
            time.sleep(0.01)


def audited(home: Path, engine: str) -> AuditResult:
    """The audit through the library."""
    return audit(
        f"classifier-dir:{home / 'models' / 'biased-0'}",
        home / "images",
        home / "concepts.json",
        probe=home / "probe",
        settings=AuditSettings(engine=engine, shard_images=SHARD_IMAGES, controls=3, bootstrap=100),
    )


def difference(first: AuditResult, second: AuditResult) -> float:
    """The largest difference between numbers of two audits; infinity where text differs."""
    contents = [
        [result.document.model_dump(mode="json", exclude={"created"}), list(result.images)]
        for result in (first, second)
    ]
    return _apart(*contents)


def _apart(first: object, second: object) -> float:
    if isinstance(first, dict) and isinstance(second, dict):
        if first.keys() != second.keys():
            return float("inf")
        return max((_apart(first[key], second[key]) for key in first), default=0.0)
    if isinstance(first, list) and isinstance(second, list):
        if len(first) != len(second):
            return float("inf")
        return max((_apart(*pair) for pair in zip(first, second, strict=True)), default=0.0)
    if isinstance(first, float) and isinstance(second, float):
        return abs(first - second)
    return 0.0 if first == second else float("inf")


def costs_of_parts() -> dict[str, float]:
    """Seconds per image, per saved, loaded and merged part of the full-size matching."""
    torch.manual_seed(0)
    classifier = load_model("torchvision:resnet50/random-weights")
    job = MatchJob(
        classifier, load_model("open_clip:RN50/random-weights"), sites=paper_sites(classifier)
    )
    noise = np.random.default_rng(0).integers(0, 256, (16, 224, 224, 3), dtype=np.uint8)
    records = [ImageRecord(str(n), lambda n=n: _image(noise[n])) for n in range(16)]
    run_job(job, records[:2], PassOptions())
    start = time.perf_counter()
    part = job.run(load_images(records, job.prepare))
    image = (time.perf_counter() - start) / len(records)
    size = sum(array.nbytes for array in part.arrays.values())
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        start = time.perf_counter()
        store.save("0" * 64, part)
        saved = time.perf_counter()
        loaded = Store(Path(folder)).load("0" * 64)
        read = time.perf_counter()
        assert loaded is not None
        merged = job.merge(part, loaded)
        done = time.perf_counter()
    return {
        "image, s": image,
        "part, bytes": float(size),
        "merged part, bytes": float(sum(array.nbytes for array in merged.arrays.values())),
        "save, s": saved - start,
        "load, s": read - saved,
        "merge, s": done - read,
    }


def _image(pixels: np.ndarray) -> object:
    from PIL import Image

    return Image.fromarray(pixels)


def scaling(measured: dict[str, float]) -> list[dict[str, float | str]]:
    """A million images on 1 to 1,000 workers, in plain and in larger shards."""
    rows: list[dict[str, float | str]] = []
    for speed, label in ((1.0, "these two cores"), (50.0, "50 times faster")):
        for size in SHARD_SIZES:
            shards = -(-IMAGES // size)
            costs = Costs(
                shard=size * measured["image, s"] / speed,
                merge=measured["merge, s"],
                part=measured["merged part, bytes"],
                bandwidth=5e9,
                link=1.25e9,
            )
            for workers in WORKERS:
                outcome = simulated(shards, workers, costs)
                rows.append(
                    {
                        "worker": label,
                        "shard": size,
                        "workers": workers,
                        "hours": outcome.seconds / 3600,
                        "efficiency": outcome.efficiency,
                        "bound": outcome.bound,
                    }
                )
    return rows


def show(rows: list[dict[str, float | str]]) -> None:
    """The simulation as a table: efficiency by workers."""
    table = Table(
        "worker", "images a shard", *map(str, WORKERS), title="efficiency on so many workers"
    )
    for label in dict.fromkeys(row["worker"] for row in rows):
        for size in SHARD_SIZES:
            own = [r for r in rows if (r["worker"], r["shard"]) == (label, size)]
            table.add_row(str(label), str(size), *(f"{row['efficiency']:.0%}" for row in own))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        prepare(home)
        measured = costs_of_parts()
        rows = scaling(measured)
        show(rows)
        checks, kills = kill_matrix(home, options.kills)
        checks += on_ray(home)
    record(__file__, checks, details={"kills": kills, "costs": measured, "scaling": rows})


if __name__ == "__main__":
    main()
