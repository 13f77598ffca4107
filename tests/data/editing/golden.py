"""The toy data set, and what the published preparation made of it."""

import json
from pathlib import Path

from seewhy.data.editing.existing import read_existing
from seewhy.data.editing.karpathy import read_karpathy

STORED = json.loads(
    (Path(__file__).parents[2] / "golden/caption_editing/preprocess.json").read_text("utf-8")
)
PARTS = {"train": "TRAIN", "validation": "VAL", "test": "TEST"}


def written(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def toy_images(folder):
    return read_karpathy(written(folder / "dataset.json", STORED["input"]["dataset"]))


def toy_existing(folder):
    return read_existing(written(folder / "existing.json", STORED["input"]["existing"]))
