"""What a training tells as it goes: tables of losses and of validations, and TensorBoard's."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seewhy.base.errors import UsageError
from seewhy.training.steps import StepDone

LOSSES_FILE, VALIDATION_FILE, EVENTS_FOLDER = "training.csv", "validation.csv", "tensorboard"
_EVERY = 50


class TrainingTables:
    """Mean losses every 50 steps and all validations; rows behind `first` are taken out.

    So that a resumed training has the tables of one that was not interrupted. `parts` are what
    losses are made of.
    """

    def __init__(
        self,
        folder: Path,
        parts: Sequence[str],
        *,
        first: int = 0,
        events: bool = False,
        every: int = _EVERY,
    ) -> None:
        self._folder, self._parts, self._every = folder, tuple(parts), every
        self._events = _event_writer(folder / EVENTS_FOLDER, first) if events else None
        self._seen: list[StepDone] = []
        for name in (LOSSES_FILE, VALIDATION_FILE):
            _cut(folder / name, after=first)

    def after_step(self, done: StepDone) -> None:
        """Remember the losses, and write their means when a row is due."""
        self._seen.append(done)
        if done.step % self._every:
            return
        row = {"loss": _mean([each.loss for each in self._seen])}
        for part in self._parts:
            row[part] = _mean([each.parts[part] for each in self._seen if part in each.parts])
        self._seen.clear()
        self._write(LOSSES_FILE, done.step, {**row, "learning_rate": done.rate})

    def validated(self, step: int, figures: Mapping[str, float]) -> None:
        """Write the figures of a validation."""
        self._write(VALIDATION_FILE, step, figures)

    def close(self) -> None:
        """Nothing is told any more."""
        if self._events is not None:
            self._events.close()

    def _write(self, name: str, step: int, figures: Mapping[str, float | None]) -> None:
        path = self._folder / name
        is_new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(["step", *figures])
            writer.writerow(
                [step, *("" if each is None else f"{each:.6g}" for each in figures.values())]
            )
        if self._events is not None:
            stem = Path(name).stem
            for figure, value in figures.items():
                if value is not None:
                    self._events.add_scalar(f"{stem}/{figure}", value, step)


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _cut(path: Path, *, after: int) -> None:
    if not path.exists():
        return
    header, *rows = path.read_text(encoding="utf-8").splitlines()
    kept = [row for row in rows if int(row.split(",")[0]) <= after]
    path.unlink()
    if kept:
        path.write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")


def _event_writer(folder: Path, first: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            "TensorBoard's log needs its package: pip install 'seewhy[tensorboard]'. Or do "
            "without --tensorboard; the same figures are in the tables."
        ) from error
    return SummaryWriter(str(folder), purge_step=first or None)  # type: ignore[no-untyped-call]
