"""Passes side by side, each on its share of the processor's cores.

For one or a few images at a time cores wait for each other at every layer: two passes on a core
each take less time than both on two cores, one after the other.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch

MOST = 8
"""Threads; with more cores each has several."""

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Lanes:
    """`count` threads in which tensors are computed without gradients; with 1 there is no other."""

    count: int = 1
    pool: ThreadPoolExecutor | None = None

    def map(self, work: Callable[[_T], _R], items: Sequence[_T]) -> list[_R]:
        """What the work makes of each item, in their order; the first error ends it."""
        if self.pool is None:
            return [work(item) for item in items]
        return list(self.pool.map(partial(_inferred, work), items))


@contextmanager
def lanes(device: torch.device) -> Iterator[Lanes]:
    """Within the block there are threads, on a processor of several cores.

    How many cores torch uses is afterwards what it was.
    """
    cores = torch.get_num_threads()
    count = min(cores, MOST)
    if device.type != "cpu" or count < 2:
        yield Lanes()
        return
    try:
        with ThreadPoolExecutor(
            count, "lane", initializer=partial(torch.set_num_threads, cores // count)
        ) as pool:
            yield Lanes(count, pool)
    finally:
        # Some of its libraries have one number for all threads.
        torch.set_num_threads(cores)


def _inferred(work: Callable[[_T], _R], item: _T) -> _R:
    # A mode of the thread, not of the program.
    with torch.inference_mode():
        return work(item)
