"""The steps of an editor's training, each the same whether or not it was interrupted before."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, isfinite

import torch
from torch import nn
from tqdm import tqdm

from seewhy.base.errors import UsageError
from seewhy.models.editing.building import Network
from seewhy.models.guard import device_of
from seewhy.training.editing.batches import EditBatch, EditExamples
from seewhy.training.editing.phases import Learning, Moment
from seewhy.training.editing.presets import Recipe
from seewhy.training.rates import rate_at
from seewhy.training.steps import StepDone, step_seed


@dataclass(frozen=True)
class Plan:
    """How many steps of a recipe there are, and how many of them make an epoch."""

    recipe: Recipe
    steps: int
    check_every: int
    epoch: float | None = None
    seed: int = 0

    def epoch_at(self, step: int) -> int:
        """The epoch of a step, both counted from 0; 0 where there are none."""
        return int(step // self.epoch) if self.epoch else 0

    def falls_at(self, step: int, *, stale: int) -> int:
        """How often a falling rate has fallen; `stale` validations brought no improvement."""
        every = self.recipe.rates.fall_every
        return self.epoch_at(step) // every if every else stale


def plan_of(recipe: Recipe, examples: EditExamples, *, seed: int) -> Plan:
    """The recipe in steps; `UsageError` for epochs where captions never come again."""
    epoch = examples.epoch
    if epoch is None and (recipe.steps is None or not recipe.check_every):
        raise UsageError(
            "drawn captions never come again, so there are no epochs to count. Give steps, and "
            "how many of them lie between two validations."
        )
    steps = recipe.steps if recipe.steps is not None else ceil(recipe.epochs * (epoch or 0))
    return Plan(recipe, steps, recipe.check_every or ceil(epoch or 1), epoch, seed)


@dataclass(frozen=True, eq=False)
class Stepper:
    """One step after another of a network; `helpers` are trained beside it."""

    network: Network
    learning: Learning
    optimiser: torch.optim.Optimizer
    plan: Plan
    helpers: nn.Module | None = None

    def step(self, number: int, batch: EditBatch, *, stale: int) -> StepDone:
        """Learn from a batch; steps are counted from 0."""
        plan, rates = self.plan, self.plan.recipe.rates
        seed = step_seed(plan.seed, number)
        torch.manual_seed(seed)
        falls = plan.falls_at(number, stale=stale)
        rate = rates.learning_rate * rate_at(number, plan.steps, rates, falls=falls)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        device = device_of(self.network)
        moment = Moment(
            plan.recipe.own_words.share(plan.epoch_at(number)),
            torch.Generator(device).manual_seed(seed),
        )
        found = self.learning(self.network, batch.to(device), moment)
        torch.autograd.backward(found.loss)
        loss = float(found.loss.detach())
        if not isfinite(loss):
            raise UsageError(
                f"the loss is {loss} at step {number}: lower the learning rate "
                f"({rates.learning_rate:g}) or look at the data."
            )
        if rates.clip_norm:
            nn.utils.clip_grad_norm_(self._trained(), rates.clip_norm)
        self.optimiser.step()
        return StepDone(number + 1, loss, found.parts, rate)

    def _trained(self) -> list[nn.Parameter]:
        helping = [] if self.helpers is None else list(self.helpers.parameters())
        return [*self.network.parameters(), *helping]


@dataclass(frozen=True)
class Course:
    """Where a training begins, and what it asks after each step."""

    first: int
    after_step: Callable[[StepDone], bool]
    stale: Callable[[], int]
    progress: bool = False


def fit_editor(stepper: Stepper, examples: EditExamples, course: Course) -> None:
    """Take steps until the plan ends, or `after_step` says False.

    The network is left in evaluation mode, chance as it was.
    """
    network, plan = stepper.network, stepper.plan
    device = device_of(network)
    steps = tqdm(
        range(course.first, plan.steps),
        initial=course.first,
        total=plan.steps,
        disable=not course.progress,
        delay=2,
        unit="step",
    )
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for number in steps:
            network.train()
            done = stepper.step(number, examples.batch(number), stale=course.stale())
            steps.set_postfix_str(f"loss {done.loss:.3f}", refresh=False)
            if not course.after_step(done):
                break
    stepper.optimiser.zero_grad(set_to_none=True)
    network.eval()
