"""One training loop for the small models that this project makes itself."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from seewhy.base.errors import UsageError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """AdamW with a one-cycle learning rate; `precision` is that of the forward pass."""

    steps: int
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    precision: torch.dtype = torch.bfloat16
    clip_norm: float = 1.0


def fit(
    module: nn.Module,
    loss_at: Callable[[int], Tensor],
    schedule: Schedule,
    *,
    after_step: Callable[[int, float], None] | None = None,
    progress: bool = False,
) -> None:
    """Train `module` in place: `loss_at(step)` gives the loss of one step's batch.

    `after_step(step, loss)` is called after each update. The module is left in evaluation mode.
    """
    is_mixed = schedule.precision != torch.float32
    optimizer = torch.optim.AdamW(_weight_groups(module, schedule), lr=schedule.learning_rate)
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=schedule.learning_rate,
        total_steps=schedule.steps + 1,
        # The warm-up takes at least two steps: shorter ones end before they begin.
        pct_start=max(schedule.warmup, 2 / (schedule.steps + 1)),
    )
    precision = torch.autocast(
        next(module.parameters()).device.type,
        dtype=schedule.precision if is_mixed else None,
        enabled=is_mixed,
    )
    module.train()
    for step in tqdm(range(schedule.steps), disable=not progress, delay=2, unit="step"):
        with precision:
            loss = loss_at(step)
        if not loss.isfinite():
            raise UsageError(
                f"the loss is {loss.item()} at step {step}: lower the learning rate "
                f"({schedule.learning_rate:g}) or look at the data."
            )
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(module.parameters(), schedule.clip_norm)
        optimizer.step()
        rates.step()
        if after_step is not None:
            after_step(step, loss.item())
    optimizer.zero_grad(set_to_none=True)
    module.eval()


def _weight_groups(module: nn.Module, schedule: Schedule) -> list[dict[str, object]]:
    """Decay for matrices and kernels only; not for biases, norms, scales and positions."""
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        is_table = parameter.ndim >= 2 and "embedding" not in name
        (decayed if is_table else free).append(parameter)
    return [
        {"params": decayed, "weight_decay": schedule.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
