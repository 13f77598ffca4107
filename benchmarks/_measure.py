"""Wall time and peak memory of whole commands."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

# Between fork and exec a child counts its parent's memory as its own peak, so the command must
# not be the child of a process that has grown large.
_LAUNCHER = """
import json, os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(child.pid, 0)
scale = 1 if sys.platform == "darwin" else 1024
figures = {"seconds": time.perf_counter() - start, "bytes": usage.ru_maxrss * scale}
with open(sys.argv[1], "w") as file:
    json.dump(figures, file)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@dataclass(frozen=True)
class Cost:
    """What one run of a command took."""

    seconds: float
    gigabytes: float


def measured(command: list[str]) -> Cost:
    """Wall seconds and peak resident memory (GiB) of a command that must succeed."""
    with TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        launch = [sys.executable, "-S", "-c", _LAUNCHER, str(figures), *command]
        finished = subprocess.run(launch, check=False)
        if finished.returncode:
            raise SystemExit(f"{command[:4]} failed with status {finished.returncode}")
        read = json.loads(figures.read_text())
    return Cost(read["seconds"], read["bytes"] / 2**30)
