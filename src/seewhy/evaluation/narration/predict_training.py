"""Training a predictor on true reasons; the epoch that is best on the validation items is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from seewhy.base.errors import UsageError
from seewhy.evaluation.narration.explain_predict import (
    Task,
    answer_loss,
    entailment_loss,
    multi_hot_targets,
    right_predictions,
    soft_targets,
)
from seewhy.evaluation.narration.predict_files import PredictItem
from seewhy.evaluation.narration.predictors import Predictor, Rows
from seewhy.models.guard import device_of

Which = Literal["given", "true", "none"]

_AT_ONCE = 256


@dataclass(frozen=True)
class PredictSchedule:
    """AdamW without decay of weights, at a rate that falls to 0 in a straight line."""

    batch: int
    epochs: int
    rate: float


SCHEDULES: Mapping[Task, PredictSchedule] = {
    "vqa-x": PredictSchedule(16, 15, 2e-5),
    "act-x": PredictSchedule(32, 20, 2e-4),
    "e-snli-ve": PredictSchedule(32, 5, 2e-5),
}
"""As published, for DistilBERT."""
HASHED_SCHEDULE = PredictSchedule(128, 20, 1e-2)


@dataclass(frozen=True)
class Epoch:
    """The mean loss of an item, and the share of validation items told right, 0 to 1."""

    loss: float
    validation: float


@dataclass(frozen=True)
class Lesson:
    """What is learned: items with true reasons, those to choose the epoch by, and the classes."""

    task: Task
    training: Sequence[PredictItem]
    validation: Sequence[PredictItem]
    classes: Mapping[str, int]


def split_items(
    items: Mapping[str, PredictItem], *, share: float, seed: int
) -> tuple[list[PredictItem], list[PredictItem]]:
    """Items to train on, and a share of them drawn to choose by, at least one of each."""
    if len(items) < 2 or not 0 < share < 1:
        raise UsageError(
            f"{len(items)} items cannot be parted into training and a share of {share:g} for "
            "validation. Give two items or more and a share between 0 and 1."
        )
    drawn = np.random.default_rng([seed, 0xE9]).permutation(len(items))
    held = min(max(1, round(share * len(items))), len(items) - 1)
    every = list(items.values())
    return [every[place] for place in sorted(drawn[held:])], [
        every[place] for place in sorted(drawn[:held])
    ]


def train_predictor(
    predictor: Predictor,
    lesson: Lesson,
    schedule: PredictSchedule,
    *,
    seed: int = 0,
    progress: bool = False,
) -> list[Epoch]:
    """Train in place; the predictor is left as it was after the best epoch, the last of equals.

    Global chance is left as it was.
    """
    device = device_of(predictor.module)
    course = _Course(predictor, lesson, schedule, seed)
    epochs: list[Epoch] = []
    best: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        for number in tqdm(range(schedule.epochs), disable=not progress, unit="epoch"):
            loss = course.epoch(number)
            told = told_right(predictor, lesson.validation, lesson.classes)
            epochs.append(Epoch(loss, float(told.double().mean())))
            if chosen_epoch(epochs) == len(epochs):
                best = {k: v.detach().clone() for k, v in predictor.module.state_dict().items()}
    predictor.module.load_state_dict(best)
    predictor.module.eval()
    return epochs


def chosen_epoch(epochs: Sequence[Epoch]) -> int:
    """The number, from 1, of the best epoch, the last of equals: few items make many equal."""
    return max(range(1, len(epochs) + 1), key=lambda n: (epochs[n - 1].validation, n))


class _Course:
    """Rows, targets and optimiser of one training."""

    def __init__(
        self, predictor: Predictor, lesson: Lesson, schedule: PredictSchedule, seed: int
    ) -> None:
        self.predictor, self.task, self.batch, self.seed = (
            predictor,
            lesson.task,
            schedule.batch,
            seed,
        )
        self.rows = rows_of(predictor, lesson.training, "given")
        self.targets = targets_of(lesson)
        self.optimizer = torch.optim.AdamW(
            predictor.module.parameters(), lr=schedule.rate, weight_decay=0.0
        )
        steps = schedule.epochs * -(-len(self.rows) // schedule.batch)
        self.falling = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: 1 - step / steps
        )

    def epoch(self, number: int) -> float:
        """Once through all items; returns the mean loss of one."""
        self.predictor.module.train()
        order = np.random.default_rng([self.seed, number]).permutation(len(self.rows))
        total = 0.0
        for first in range(0, len(order), self.batch):
            places = torch.from_numpy(np.sort(order[first : first + self.batch]))
            scores = self.predictor.logits(self.rows.at(places))
            loss = _loss(scores, self.targets[places], self.task)
            self.optimizer.zero_grad()
            torch.autograd.backward(loss)
            self.optimizer.step()
            self.falling.step()
            total += float(loss.detach()) * (len(places) if self.task == "e-snli-ve" else 1)
        return total / len(order)


def told_right(
    predictor: Predictor,
    items: Sequence[PredictItem],
    classes: Mapping[str, int],
    *,
    reasons: Which = "given",
) -> Tensor:
    """Whether the answer told is an accepted one, per item."""
    scores = predicted(predictor, items, reasons=reasons)
    return right_predictions(scores, [item.answers for item in items], classes=classes)


@torch.no_grad()
def predicted(
    predictor: Predictor, items: Sequence[PredictItem], *, reasons: Which = "given"
) -> Float[Tensor, "items classes"]:
    """Class scores in evaluation mode."""
    predictor.module.eval()
    rows = rows_of(predictor, items, reasons)
    return torch.cat(
        [
            predictor.logits(rows.at(torch.arange(first, min(first + _AT_ONCE, len(rows)))))
            .float()
            .cpu()
            for first in range(0, len(rows), _AT_ONCE)
        ]
    )


def rows_of(predictor: Predictor, items: Sequence[PredictItem], reasons: Which) -> Rows:
    """Prepared rows of items, all of which have a true reason where that is wanted."""
    texts = {
        "given": [item.reason for item in items],
        "true": [item.true_reason or "" for item in items],
        "none": [""] * len(items),
    }
    return predictor.prepared([item.question for item in items], texts[reasons])


def targets_of(lesson: Lesson) -> Tensor:
    """Soft or plain scores per class, or the number of the class for e-SNLI-VE."""
    answers = [item.answers for item in lesson.training]
    if lesson.task == "vqa-x":
        return soft_targets(answers, lesson.classes)
    if lesson.task == "act-x":
        return multi_hot_targets(answers, lesson.classes)
    unknown = [each[0] for each in answers if each[0] not in lesson.classes]
    if unknown:
        raise UsageError(
            f"{len(unknown)} items have an answer such as {unknown[0]!r}; wanted is one of "
            f"{', '.join(lesson.classes)}."
        )
    return torch.tensor([lesson.classes[each[0]] for each in answers])


def _loss(scores: Tensor, targets: Tensor, task: Task) -> Tensor:
    wanted = targets.to(scores.device)
    return entailment_loss(scores, wanted) if task == "e-snli-ve" else answer_loss(scores, wanted)
