"""The optimiser, and its learning rate as a function of the step."""

from dataclasses import dataclass
from math import cos, pi
from typing import Literal

import torch
from torch import nn

_FIRST, _LAST = 1 / 25, 1e-4 / 25
"""What a one-cycle rate begins and ends with, as shares of its highest."""


@dataclass(frozen=True)
class Rates:
    """AdamW and how its learning rate goes; `warmup` is a share of the steps.

    "linear" falls to 0, "one-cycle" rises and falls by cosines. "falling" is multiplied by
    `factor` at each fall: every `fall_every` epochs, or for 0 after each validation that brought
    no improvement; a factor of 1 is a constant rate. A `clip_norm` of 0 clips nothing. Without
    decay AdamW is Adam.
    """

    learning_rate: float
    schedule: Literal["linear", "one-cycle", "falling"] = "linear"
    warmup: float = 0.0
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-6
    clip_norm: float = 1.0
    factor: float = 1.0
    fall_every: int = 0


def rate_at(step: int, steps: int, rates: Rates, *, falls: int = 0) -> float:
    """The share of the highest learning rate that step `step` of 0 to `steps` - 1 takes.

    A falling one depends on how often it has fallen alone.
    """
    if rates.schedule == "falling":
        return rates.factor**falls
    rising = rates.warmup * steps
    if rates.schedule == "linear":
        if step < rising:
            return (step + 1) / (rising + 1)
        return (steps - step) / max(steps - rising, 1)
    if step < rising:
        return _eased(_FIRST, 1.0, step / rising)
    return _eased(1.0, _LAST, (step - rising) / max(steps - rising, 1))


def optimiser(module: nn.Module, rates: Rates) -> torch.optim.AdamW:
    """AdamW for all that is trained; matrices decay, but for tables of words and positions."""
    tables = {id(each.weight) for each in module.modules() if isinstance(each, nn.Embedding)}
    trained = [each for each in module.parameters() if each.requires_grad]
    decayed = [each for each in trained if each.ndim >= 2 and id(each) not in tables]
    kept = {id(each) for each in decayed}
    free = [each for each in trained if id(each) not in kept]
    groups = [
        {"params": decayed, "weight_decay": rates.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    filled = [group for group in groups if group["params"]]
    return torch.optim.AdamW(filled, lr=rates.learning_rate, betas=rates.betas, eps=rates.eps)


def _eased(start: float, stop: float, share: float) -> float:
    return stop + (start - stop) * (1 + cos(pi * share)) / 2
