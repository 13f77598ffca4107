"""What do the readings cost? The quick set built from nothing, and seconds of each reading.

Run `python benchmarks/planted_speed.py`; about eight minutes on two cores. Readings are timed
one after another on one thread, beside one pass of model and encoder over the same images.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from _record import Check, at_most, record
from rich.console import Console
from rich.table import Table

from seewhy.audit.alternatives.catalogue import READINGS
from seewhy.audit.alternatives.subject import look
from seewhy.audit.comparison import AUDITED_IMAGES, PROBE_IMAGES, task_report
from seewhy.audit.planted import PlantedModel, planted_models, quick_set
from seewhy.models.load import load_model
from seewhy.models.protocols import DualEncoder

TIMED = 4


def built(folder: Path, processes: int) -> tuple[list[PlantedModel], float]:
    """The quick set, and the seconds it took."""
    start = time.perf_counter()
    models = list(planted_models(quick_set(), folder, processes=processes))
    return models, time.perf_counter() - start


def reading_seconds(model: PlantedModel, encoder: DualEncoder) -> dict[str, float]:
    """Seconds of each reading on one model, and of one pass over the audited images."""
    report = task_report([model], encoder, readings=tuple(READINGS))
    seconds = {said.reading: said.seconds for said in report.said if said.kind == "trained"}
    records = model.case.plant.records(AUDITED_IMAGES, "audit")
    start = time.perf_counter()
    look(model.classifier, encoder, records=records)
    return seconds | {"one pass": time.perf_counter() - start}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    encoder = load_model("embedded:clip-resnet")
    if not isinstance(encoder, DualEncoder):
        raise TypeError(encoder.name)
    with tempfile.TemporaryDirectory() as folder:
        models, seconds = built(Path(folder), options.processes)
    torch.set_num_threads(1)
    rows = [reading_seconds(model, encoder) for model in models[:: len(models) // TIMED][:TIMED]]
    means = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    table = Table("reading", "seconds", "passes")
    for name, value in sorted(means.items(), key=lambda item: item[1]):
        table.add_row(name, f"{value:.2f}", f"{value / means['one pass']:.2f}")
    Console().print(table)
    checks: list[Check] = [at_most("minutes to build the quick set", seconds / 60, 5)]
    record(
        __file__,
        checks,
        details={
            "seconds": means,
            "models": len(rows),
            "images": AUDITED_IMAGES,
            "probe images": PROBE_IMAGES,
        },
    )


if __name__ == "__main__":
    main()
