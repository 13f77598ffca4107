"""One training loop for the small models that this project makes itself."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm import tqdm

from seewhy.base.errors import UsageError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Schedule:
    """AdamW with a one-cycle learning rate; `precision` is that of the forward pass.

    With a `matrix_rate` the matrices of transformer blocks are trained by Muon at that rate. A
    `cycle` of more steps than are taken leaves the end of it, when rates fall, to a later stage.
    """

    steps: int
    learning_rate: float = 1e-3
    matrix_rate: float = 0.0
    weight_decay: float = 0.05
    warmup: float = 0.1
    precision: torch.dtype = torch.bfloat16
    clip_norm: float = 1.0
    cycle: int = 0

    @property
    def whole_cycle(self) -> int:
        """Steps over which the rates rise and fall."""
        return max(self.cycle, self.steps)


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
    optimizers = _optimizers(module, schedule)
    rates = [_one_cycle(optimizer, schedule) for optimizer in optimizers]
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
        module.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(module.parameters(), schedule.clip_norm)
        for optimizer, rate in zip(optimizers, rates, strict=True):
            optimizer.step()
            rate.step()
        if after_step is not None:
            after_step(step, loss.item())
    module.zero_grad(set_to_none=True)
    module.eval()


def _optimizers(module: nn.Module, schedule: Schedule) -> list[torch.optim.Optimizer]:
    matrices = _block_matrices(module) if schedule.matrix_rate else []
    groups = _weight_groups(module, schedule, without=matrices)
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=schedule.learning_rate)]
    if matrices:
        optimizers.append(
            torch.optim.Muon(matrices, lr=schedule.matrix_rate, weight_decay=schedule.weight_decay)
        )
    return optimizers


def _one_cycle(
    optimizer: torch.optim.Optimizer, schedule: Schedule
) -> torch.optim.lr_scheduler.OneCycleLR:
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[group["lr"] for group in optimizer.param_groups],
        total_steps=schedule.whole_cycle + 1,
        # The warm-up takes at least two steps: shorter ones end before they begin.
        pct_start=max(schedule.warmup, 2 / (schedule.whole_cycle + 1)),
    )


def _block_matrices(module: nn.Module) -> list[nn.Parameter]:
    return [
        parameter
        for name, parameter in module.named_parameters()
        if parameter.ndim == 2 and "resblocks" in name
    ]


def _weight_groups(
    module: nn.Module, schedule: Schedule, *, without: Sequence[nn.Parameter]
) -> list[dict[str, object]]:
    """Decay for matrices and kernels only; not for biases, norms, scales and positions."""
    elsewhere = {id(parameter) for parameter in without}
    decayed: list[nn.Parameter] = []
    free: list[nn.Parameter] = []
    for name, parameter in module.named_parameters():
        if id(parameter) in elsewhere:
            continue
        is_table = parameter.ndim >= 2 and "embedding" not in name
        (decayed if is_table else free).append(parameter)
    return [
        {"params": decayed, "weight_decay": schedule.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
