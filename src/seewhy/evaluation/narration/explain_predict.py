"""Whether a reason alone tells the answer: rows, targets and scores of the explain-predict test.

A classifier learns answers from questions with true reasons and is then given generated ones.
It is no part of this file, which knows tensors and words only.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from seewhy.base.errors import UsageError

Task = Literal["vqa-x", "act-x", "e-snli-ve"]
ENTAILMENT = ("contradiction", "neutral", "entailment")

_SOFT = (0.0, 0.3, 0.6, 0.9, 1.0)


@dataclass(frozen=True)
class RowLengths:
    """Tokens of a row, and of its question with the start token, None where there is none."""

    row: int
    question: int | None


LENGTHS: Mapping[Task, RowLengths] = {
    "vqa-x": RowLengths(40, 15),
    "act-x": RowLengths(20, None),
    "e-snli-ve": RowLengths(45, 20),
}


@dataclass(frozen=True)
class Special:
    """The tokens that a row is built with."""

    start: str = "[CLS]"
    separator: str = "[SEP]"
    padding: str = "[PAD]"


@dataclass(frozen=True)
class Row:
    """Tokens up to the length of a row, and 1 where a token is no padding."""

    tokens: tuple[str, ...]
    mask: tuple[int, ...]


def predict_row(
    question: Sequence[str] | None,
    reason: Sequence[str],
    *,
    lengths: RowLengths,
    special: Special = Special(),
) -> Row:
    """Start, question, separator and reason, cut and padded; no separator at the end."""
    if (question is None) != (lengths.question is None):
        raise UsageError(
            "a row of this task has "
            + ("no question. Give None." if lengths.question is None else "a question. Give it.")
        )
    tokens = [special.start, *(question or ())]
    if question is not None:
        tokens = [*tokens[: lengths.question], special.separator]
    tokens = [*tokens, *reason][: lengths.row]
    missing = lengths.row - len(tokens)
    padded = (*tokens, *[special.padding] * missing)
    return Row(padded, (1,) * len(tokens) + (0,) * missing)


def soft_targets(
    answers: Sequence[Sequence[str]], classes: Mapping[str, int]
) -> Float[Tensor, "items classes"]:
    """VQA-X: 0.3, 0.6, 0.9 or 1 for an answer given once, twice, three times or more."""
    targets = torch.zeros(len(answers), len(classes))
    for row, given in enumerate(answers):
        for answer in set(given) & set(classes):
            count = min(list(given).count(answer), len(_SOFT) - 1)
            targets[row, classes[answer]] = _SOFT[count]
    return targets


def multi_hot_targets(
    answers: Sequence[Collection[str]], classes: Mapping[str, int]
) -> Float[Tensor, "items classes"]:
    """ACT-X: 1 for every answer that was given."""
    targets = torch.zeros(len(answers), len(classes))
    for row, given in enumerate(answers):
        for answer in set(given) & set(classes):
            targets[row, classes[answer]] = 1
    return targets


def answer_loss(
    logits: Float[Tensor, "items classes"], targets: Float[Tensor, "items classes"]
) -> Float[Tensor, ""]:
    """Binary cross-entropy summed over items and classes, as published for VQA-X and ACT-X."""
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum")


def entailment_loss(
    logits: Float[Tensor, "items 3"], labels: Int[Tensor, " items"]
) -> Float[Tensor, ""]:
    """Mean cross-entropy over contradiction, neutral and entailment, in this order."""
    return functional.cross_entropy(logits, labels)


def right_predictions(
    logits: Float[Tensor, "items classes"],
    answers: Sequence[Collection[str]],
    *,
    classes: Mapping[str, int],
) -> Bool[Tensor, " items"]:
    """Whether the highest class is one of the accepted answers of each item.

    With the annotators' answers this is the published score, against which a faithful reason for
    a wrong answer counts as a fault; with the model's own answers it is how well a reason tells
    what it is a reason for. The mean is the score; print the one with true reasons beside it.
    """
    names = {number: answer for answer, number in classes.items()}
    highest = logits.argmax(dim=1).tolist()
    pairs = zip(highest, answers, strict=True)
    return torch.tensor([names[number] in given for number, given in pairs], dtype=torch.bool)
