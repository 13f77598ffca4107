"""Batches out of several tasks, each with its share, the same for a step whenever it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Int

from seewhy.base.errors import UsageError


@dataclass(frozen=True)
class Pick:
    """One record of a task, by its place."""

    task: str
    place: int


@dataclass(frozen=True)
class TaskMixture:
    """Shares of tasks with so many records (`sizes`): proportional to size ** `alpha`.

    With alpha 1 an epoch is all records once, shuffled, as Uni-NLX is trained; with 0 all tasks
    have equal shares. An epoch is always as many records as there are. A task draws each of its
    records equally often, give or take one, and those that come once more change by epoch.
    """

    sizes: Mapping[str, int]
    alpha: float = 1.0
    batch: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.sizes or min(self.sizes.values()) < 1 or self.batch < 1:
            raise UsageError(
                f"tasks of {dict(self.sizes)} records in batches of {self.batch} cannot be mixed; "
                "wanted are tasks with at least one record each, and at least one a batch."
            )
        if not 0 <= self.alpha <= 1:
            raise UsageError(f"alpha is {self.alpha}; wanted is 0 (equal shares) to 1 (by size).")

    @property
    def epoch_size(self) -> int:
        """Number of records in an epoch."""
        return sum(self.sizes.values())

    @property
    def shares(self) -> dict[str, float]:
        """What each task has of an epoch, 1 in all."""
        largest = max(self.sizes.values())
        weights = {task: (size / largest) ** self.alpha for task, size in self.sizes.items()}
        total = sum(weights.values())
        return {task: weight / total for task, weight in weights.items()}

    @property
    def quotas(self) -> dict[str, int]:
        """How many records of each task an epoch has; the largest remainders are rounded up."""
        wanted = {task: share * self.epoch_size for task, share in self.shares.items()}
        quotas = {task: int(np.floor(each + 1e-9)) for task, each in wanted.items()}
        left = self.epoch_size - sum(quotas.values())
        by_remainder = sorted(wanted, key=lambda task: quotas[task] - wanted[task])
        return {task: quotas[task] + (task in by_remainder[:left]) for task in quotas}

    def batch_at(self, step: int) -> tuple[Pick, ...]:
        """The batch of a step, from 0; batches run on from one epoch into the next."""
        if step < 0:
            raise UsageError(f"step {step} was asked for; steps count from 0.")
        names, quotas = list(self.sizes), tuple(self.quotas.values())
        picks = []
        for number in range(step * self.batch, (step + 1) * self.batch):
            epoch, position = divmod(number, self.epoch_size)
            rows = _epoch(quotas, tuple(self.sizes.values()), self.seed, epoch)
            task, place = rows[position].tolist()
            picks.append(Pick(names[task], place))
        return tuple(picks)


@lru_cache(maxsize=2)
def _epoch(
    quotas: tuple[int, ...], sizes: tuple[int, ...], seed: int, epoch: int
) -> Int[np.ndarray, "records 2"]:
    """The tasks and places of an epoch in shuffled order."""
    order, *streams = np.random.default_rng([seed, epoch]).spawn(1 + len(sizes))
    parts = [
        np.stack([np.full(quota, task), _places(quota, size, stream)], axis=1)
        for task, (quota, size, stream) in enumerate(zip(quotas, sizes, streams, strict=True))
    ]
    return order.permutation(np.concatenate(parts), axis=0)


def _places(quota: int, size: int, generator: np.random.Generator) -> Int[np.ndarray, " quota"]:
    """Whole rounds of all records, and some of them once more."""
    rounds, rest = divmod(quota, size)
    return np.concatenate([np.tile(np.arange(size), rounds), generator.permutation(size)[:rest]])
