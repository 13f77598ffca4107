"""The steps of a narrator's training, each the same whether or not it was interrupted before."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from seewhy.base.errors import UsageError
from seewhy.models.narration.narrator import Narrator
from seewhy.training.narration.batches import NarrationBatch
from seewhy.training.narration.losses import COUNTED, loss_sums, part_scales, target_counts
from seewhy.training.narration.mentions import MentionHead
from seewhy.training.narration.presets import LossWeights
from seewhy.training.narration.quarters import QuarterHead
from seewhy.training.rates import Rates, rate_at
from seewhy.training.runtime import Precision, Runtime
from seewhy.training.steps import StepDone, step_seed

_PIXEL_AXES = 4


@dataclass(frozen=True)
class Plan:
    """How many steps, and what happens in each."""

    steps: int
    rates: Rates
    loss: LossWeights
    accumulate: int = 1
    precision: Precision = "fp32"
    seed: int = 0


class Learner(nn.Module):
    """A narrator as one module from batches to sums of losses, for several processes to wrap.

    With `has_sight` its image tokens also have to tell what lies in the quarters of drawn scenes,
    and its words which of them a phrase fits.
    """

    def __init__(self, narrator: Narrator, *, has_sight: bool = False) -> None:
        super().__init__()
        self.narrator = narrator
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.quarters = QuarterHead(narrator.tower.width) if has_sight else None
            width, blocks = narrator.config.width, narrator.config.blocks
            self.mentions = MentionHead(width, blocks=max(blocks - 1, 1)) if has_sight else None
        tower = narrator.tower.parameters()
        self.has_frozen_tower = not any(parameter.requires_grad for parameter in tower)

    @property
    def heads(self) -> dict[str, nn.Module]:
        """What is learnt beside the narrator, for training alone."""
        named = {"quarters": self.quarters, "mentions": self.mentions}
        return {name: head for name, head in named.items() if head is not None}

    def train(self, mode: bool = True) -> "Learner":
        """The usual, but a frozen tower stays as it was judged and published."""
        super().train(mode)
        if self.has_frozen_tower:
            self.narrator.tower.eval()
        return self

    def forward(self, batch: NarrationBatch) -> Float[Tensor, " parts"]:
        """The sum of the losses of each of `COUNTED`."""
        narrator = self.narrator
        if batch.images.ndim < _PIXEL_AXES:
            seen = narrator.adapted(batch.images)
            words = loss_sums(narrator, batch, narrator.hidden(batch.rows, seen))
            return torch.cat([words, words.new_zeros(2)])
        with torch.no_grad() if self.has_frozen_tower else nullcontext():
            tokens = narrator.tower(batch.images)
        grid = narrator.tower.grid(*batch.images.shape[2:])
        states = narrator.states(batch.rows, narrator.adapted(tokens, grid=grid))
        words = loss_sums(narrator, batch, states[-1])
        sight = mentions = words.new_zeros(())
        if self.quarters is not None and batch.quarters is not None:
            sight = self.quarters.loss_sum(tokens, batch.quarters, grid=grid)
        if self.mentions is not None and batch.mentions is not None:
            mentions = self.mentions.loss_sum(states, batch.mentions)
        return torch.cat([words, sight[None], mentions[None]])


def batch_numbers(plan: Plan, runtime: Runtime, *, first: int) -> Sequence[int]:
    """Which batches this process takes, in order, from step `first` on."""
    places = range(first * plan.accumulate, plan.steps * plan.accumulate)
    return range(
        places.start * runtime.processes + runtime.rank,
        places.stop * runtime.processes + runtime.rank,
        runtime.processes,
    )


@dataclass(frozen=True)
class Stepper:
    """One step after another of a learner that `runtime` has prepared."""

    module: nn.Module
    optimiser: torch.optim.Optimizer
    plan: Plan
    runtime: Runtime

    def step(self, number: int, found: Sequence[NarrationBatch]) -> StepDone:
        """Learn from the batches of a step, counted from 0, as if they were one."""
        plan, device = self.plan, self.runtime.device
        rate = self._prepare(number)
        batches = [batch.to(device) for batch in found]
        counts = self.runtime.total(torch.stack([target_counts(each) for each in batches]).sum(0))
        scales = part_scales(counts, plan.loss)
        sums = torch.zeros_like(counts)
        for place, batch in enumerate(batches):
            is_last = place == len(batches) - 1
            with nullcontext() if is_last else self.runtime.alone(self.module):
                with self.runtime.mixed(plan.precision):
                    found_sums = self.module(batch)
                # Several processes take the mean of their gradients; wanted is the sum.
                loss = (found_sums * scales).sum() * self.runtime.processes
                torch.autograd.backward(loss)
            sums += found_sums.detach()
        sums = self.runtime.total(sums)
        loss_value = float((sums * scales).sum())
        if not np.isfinite(loss_value):
            raise UsageError(
                f"the loss is {loss_value} at step {number}: lower the learning rate "
                f"({plan.rates.learning_rate:g}) or look at the data."
            )
        if plan.rates.clip_norm:
            nn.utils.clip_grad_norm_(self.module.parameters(), plan.rates.clip_norm)
        self.optimiser.step()
        means = (sums / counts.clamp(min=1)).tolist()
        told = zip(COUNTED, means, counts.tolist(), strict=True)
        return StepDone(
            number + 1, loss_value, {name: mean for name, mean, count in told if count}, rate
        )

    def _prepare(self, number: int) -> float:
        """Chance and rate of the step, without gradients of the one before."""
        torch.manual_seed(step_seed(self.plan.seed, number, self.runtime.rank))
        rate = self.plan.rates.learning_rate * rate_at(number, self.plan.steps, self.plan.rates)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        return rate


def fit_narrator(
    stepper: Stepper,
    batches: Iterator[NarrationBatch],
    *,
    first: int = 0,
    after_step: Callable[[StepDone], None],
    progress: bool = False,
) -> None:
    """Take the steps from `first` on; the module is left in evaluation mode, chance as it was."""
    plan, runtime = stepper.plan, stepper.runtime
    devices = [runtime.device] if runtime.device.type == "cuda" else []
    steps = tqdm(
        range(first, plan.steps),
        initial=first,
        total=plan.steps,
        disable=not (progress and runtime.is_first),
        delay=2,
        unit="step",
    )
    with torch.random.fork_rng(devices=devices):
        for number in steps:
            stepper.module.train()
            done = stepper.step(number, list(islice(batches, plan.accumulate)))
            steps.set_postfix_str(f"loss {done.loss:.3f}", refresh=False)
            after_step(done)
    stepper.optimiser.zero_grad(set_to_none=True)
    stepper.module.eval()
