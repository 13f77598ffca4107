"""Checks against targets: printed as a table and written with machine, versions and date."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from seewhy.base.versions import library_versions
from seewhy.results.files import write_json

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Check:
    """One measured figure beside its target; None where it could not be measured."""

    name: str
    value: float | None
    target: str
    holds: bool


def at_most(name: str, value: float, bound: float) -> Check:
    """A figure that must not exceed a bound."""
    return Check(name, value, f"<= {bound:g}", value <= bound)


def at_least(name: str, value: float, bound: float) -> Check:
    """A figure that must reach a bound."""
    return Check(name, value, f">= {bound:g}", value >= bound)


def record(script: str, checks: Sequence[Check], *, details: object = None) -> None:
    """Print the checks and write `results/<script>.json`."""
    table = Table("check", "value", "target", "holds", title=Path(script).stem)
    for check in checks:
        value = "not measured" if check.value is None else f"{check.value:.4g}"
        table.add_row(check.name, value, check.target, "yes" if check.holds else "NO")
    Console().print(table)
    RESULTS.mkdir(exist_ok=True)
    write_json(
        _results(script),
        {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {
                "processor": processor_name(),
                "cores": os.cpu_count(),
                "system": platform.system(),
            },
            "versions": library_versions(),
            "checks": [asdict(check) for check in checks],
            "details": details,
        },
    )


def recorded(script: str) -> dict[str, Any]:
    """What `record` wrote last, {} where there is nothing."""
    path = _results(script)
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def _results(script: str) -> Path:
    return RESULTS / f"{Path(script).stem}.json"


def processor_name() -> str:
    """The processor as the system names it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
