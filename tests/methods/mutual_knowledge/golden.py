"""Stored results of the published code on synthetic inputs."""

from functools import cache
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parents[2] / "golden" / "mutual_knowledge"


@cache
def arrays(file) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{file}.npz") as stored:
        return dict(stored)
