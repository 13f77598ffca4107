"""What steps of any training have in common: where their chance starts, and what they tell."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StepDone:
    """Steps done until now, and of the last the loss, the mean of each part, and the rate.

    A part that nothing was learnt of has no mean.
    """

    step: int
    loss: float
    parts: dict[str, float]
    rate: float


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """Where the chance of a step starts, in one of several processes."""
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> 1)
