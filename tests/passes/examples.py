"""Light jobs on coloured squares, whose parts can be worked out by hand."""

import hashlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from seewhy.base.errors import DataError
from seewhy.data.records import Failure, ImageRecord
from seewhy.passes.shards import Part

COUNTED = Counter()


def grey(value):
    return Image.new("RGB", (2, 2), (value, value, value))


def brightness(_identity, image):
    return image.getpixel((0, 0))[0]


@dataclass(frozen=True)
class Square:
    """Reads a grey square, or raises."""

    value: int
    error: BaseException | None = None

    def __call__(self):
        COUNTED[self.value] += 1
        if self.error is not None:
            raise self.error
        return grey(self.value)


def record(number, error=None):
    return ImageRecord(f"r{number}", Square(number, error))


def squares(count, cut=()):
    return [record(n, DataError("cut", "x") if n in cut else None) for n in range(count)]


def nothing(_ids):
    """Happens before a shard."""


@dataclass(frozen=True)
class Sums:
    """The values in order, their weighted sum, and a float sum that depends on the order."""

    weight: int = 1
    name: str = "sums"
    before: Callable[[list[str]], None] = nothing
    seen: list = field(default_factory=list)

    def key(self):
        return hashlib.sha256(f"sums {self.weight}".encode()).hexdigest()

    def prepare(self, identity, image):
        return brightness(identity, image)

    def run(self, loaded):
        outcomes = list(loaded)
        self.before([outcome.id for outcome in outcomes])
        fine = [outcome for outcome in outcomes if not isinstance(outcome, Failure)]
        values = np.array([outcome.item for outcome in fine], dtype=np.int64)
        self.seen.append([outcome.id for outcome in outcomes])
        return Part(
            {
                "values": values,
                "total": np.asarray(self.weight * values.sum()),
                "tenths": np.asarray(values.astype(np.float32) * 0.1).sum(dtype=np.float32)[None],
            },
            {
                "ids": [outcome.id for outcome in fine],
                "failures": [[o.id, o.code] for o in outcomes if isinstance(o, Failure)],
            },
        )

    def merge(self, first, second):
        return Part(
            {
                "values": np.concatenate([first.arrays["values"], second.arrays["values"]]),
                "total": first.arrays["total"] + second.arrays["total"],
                "tenths": first.arrays["tenths"] + second.arrays["tenths"],
            },
            {name: first.facts[name] + second.facts[name] for name in ("ids", "failures")},
        )


def same(first, second):
    """Whether two parts are equal bit for bit."""
    return (
        first.facts == second.facts
        and first.arrays.keys() == second.arrays.keys()
        and all(
            one.dtype == other.dtype
            and one.shape == other.shape
            and one.tobytes() == other.tobytes()
            for one, other in zip(first.arrays.values(), second.arrays.values(), strict=True)
        )
    )


@dataclass(frozen=True)
class Slow:
    """Waits before each shard."""

    seconds: float

    def __call__(self, _ids):
        time.sleep(self.seconds)


@dataclass(frozen=True)
class KillOnce:
    """Kills the process at the shard that holds an image, unless a file says it has been done."""

    identity: str
    marker: Path

    def __call__(self, ids):
        if self.identity in ids and not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Raise:
    """Raises at the shard that holds an image."""

    identity: str
    error: BaseException

    def __call__(self, ids):
        if self.identity in ids:
            raise self.error
