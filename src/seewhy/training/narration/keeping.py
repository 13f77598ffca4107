"""What happens between steps: tables, checkpoints, validations, and the best narrator kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seewhy.models.narration.storage import save_narrator
from seewhy.training.narration.checkpoints import Standing, write_checkpoint
from seewhy.training.narration.judging import Judge, Question
from seewhy.training.narration.loop import Learner, Stepper
from seewhy.training.narration.presets import SAVE_EVERY, Selection
from seewhy.training.steps import StepDone
from seewhy.training.tables import TrainingTables


@dataclass
class Keeper:
    """Called after each step; `standing` is where the training stands now.

    Every `check_every` steps and at the end the narrator is asked the questions; the best, by the
    figure `select`, is what the folder holds. Among equals the first stays.
    """

    home: Path
    learner: Learner
    stepper: Stepper
    judge: Judge
    questions: Sequence[Question]
    select: Selection
    check_every: int
    log: TrainingTables
    settings: Mapping[str, object]
    standing: Standing

    def after_step(self, done: StepDone) -> None:
        """Log, and when due validate and save."""
        is_last = done.step == self.stepper.plan.steps
        is_check = is_last or done.step % self.check_every == 0
        self.standing = replace(self.standing, step=done.step)
        runtime = self.stepper.runtime
        if runtime.is_first:
            self.log.after_step(done)
            if is_check:
                self._validate(done.step)
            if is_check or done.step % SAVE_EVERY == 0:
                write_checkpoint(
                    self.home,
                    self.learner,
                    self.stepper.optimiser,
                    standing=self.standing,
                    settings=self.settings,
                )
        if is_check:
            # The others wait for the first, which alone asks.
            runtime.wait()

    def _validate(self, step: int) -> None:
        found = self.judge.judged(self.learner.narrator, self.questions)
        self.log.validated(step, found.figures)
        value, best = found.selected(self.select), self.standing.best
        if best is None or value > best:
            save_narrator(self.home, self.learner.narrator)
            self.standing = replace(self.standing, best=value, best_step=step)
