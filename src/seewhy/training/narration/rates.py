"""The optimiser, and its learning rate as a function of the step."""

from math import cos, pi

import torch
from torch import nn

from seewhy.training.narration.presets import Rates

_FIRST, _LAST = 1 / 25, 1e-4 / 25
"""What a one-cycle rate begins and ends with, as shares of its highest."""


def rate_at(step: int, steps: int, rates: Rates) -> float:
    """The share of the highest learning rate that step `step` of 0 to `steps` - 1 takes."""
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
    trained = [(name, each) for name, each in module.named_parameters() if each.requires_grad]
    decayed = [each for name, each in trained if _decays(name, each)]
    free = [each for name, each in trained if not _decays(name, each)]
    groups = [
        {"params": decayed, "weight_decay": rates.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    kept = [group for group in groups if group["params"]]
    return torch.optim.AdamW(kept, lr=rates.learning_rate, betas=rates.betas, eps=rates.eps)


def _decays(name: str, parameter: nn.Parameter) -> bool:
    return parameter.ndim >= 2 and not name.endswith(("wte.weight", "wpe.weight"))


def _eased(start: float, stop: float, share: float) -> float:
    return stop + (start - stop) * (1 + cos(pi * share)) / 2
