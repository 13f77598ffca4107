"""What happens between steps: tables, checkpoints, validations, and the best weights kept."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import nn

from seewhy.models.checkpoints import fit_weights, read_weights, write_weights
from seewhy.training.checkpoints import read_checkpoint, write_checkpoint
from seewhy.training.editing.judging import Cases, Judge
from seewhy.training.editing.loop import Stepper
from seewhy.training.editing.presets import SAVE_EVERY
from seewhy.training.steps import StepDone
from seewhy.training.tables import TrainingTables

BEST_FILE = "best.safetensors"
_NETWORK, _HELPERS = "weights/", "helpers/"


@dataclass(frozen=True)
class Standing:
    """The steps done, the best CIDEr so far with its step, and validations without a better one.

    `waited` counts those in a row, `stale` all of them. `is_over` once the training has ended.
    """

    step: int = 0
    best: float | None = None
    best_step: int = 0
    waited: int = 0
    stale: int = 0
    is_over: bool = False


@dataclass
class Keeper:
    """Called after each step; `standing` is where the training stands now.

    At validations captions are edited; the weights whose captions have the highest CIDEr are the
    folder's best. Among equals the first stay.
    """

    home: Path
    stepper: Stepper
    judge: Judge
    cases: Cases
    tables: TrainingTables
    settings: Mapping[str, object]
    standing: Standing

    def begin(self) -> None:
        """Validate what a further training begins with, so that nothing worse is kept."""
        self._validate(0)

    def after_step(self, done: StepDone) -> bool:
        """Log, and when due validate and save; False where the training is over."""
        plan = self.stepper.plan
        is_last = done.step == plan.steps
        is_check = is_last or done.step % plan.check_every == 0
        self.standing = replace(self.standing, step=done.step)
        self.tables.after_step(done)
        if is_check:
            self._validate(done.step)
        patience = plan.recipe.patience
        is_over = is_last or bool(patience and self.standing.waited >= patience)
        self.standing = replace(self.standing, is_over=is_over)
        if is_check or is_over or done.step % SAVE_EVERY == 0:
            self._save()
        return not is_over

    def _validate(self, step: int) -> None:
        found = self.judge.judged(self.stepper.network, self.cases).figures
        self.tables.validated(step, found)
        value, standing = found["CIDEr"], self.standing
        if standing.best is None or value > standing.best:
            write_weights(self.home / BEST_FILE, self.stepper.network.state_dict())
            self.standing = replace(standing, best=value, best_step=step, waited=0)
        else:
            self.standing = replace(standing, waited=standing.waited + 1, stale=standing.stale + 1)

    def _save(self) -> None:
        stepper = self.stepper
        tensors = {_NETWORK + name: each for name, each in stepper.network.state_dict().items()}
        if stepper.helpers is not None:
            tensors |= {
                _HELPERS + name: each for name, each in stepper.helpers.state_dict().items()
            }
        write_checkpoint(
            self.home,
            tensors,
            stepper.optimiser,
            standing=asdict(self.standing),
            settings=self.settings,
        )


def resumed(home: Path, stepper: Stepper, *, settings: Mapping[str, object]) -> Standing:
    """Bring a stepper to where the checkpoint of a folder stands."""
    found = read_checkpoint(home, settings=settings, what="an editor")
    fit_weights(stepper.network, found.below(_NETWORK), source=str(found.path))
    if stepper.helpers is not None:
        fit_weights(stepper.helpers, found.below(_HELPERS), source=str(found.path))
    found.fill(stepper.optimiser)
    return Standing(**found.standing)


def fill_with_best(home: Path, network: nn.Module) -> None:
    """Give a network the best weights of its folder."""
    path = home / BEST_FILE
    fit_weights(network, read_weights(path), source=str(path))
