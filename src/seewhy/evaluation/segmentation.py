"""Semantic segmentation: labels out of scores, and IoU out of a confusion matrix that grows."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor
from torch.nn import functional

from seewhy.base.errors import DataError, UsageError
from seewhy.evaluation.scores import Score, mean_score

Labels = Integer[np.ndarray, "_ _"]
Counts = Int[np.ndarray, "classes classes"]


_AT_ONCE = 2**24


def predicted_labels(
    scores: Float[Tensor, "classes rows cols"],
    size: tuple[int, int],
    *,
    at_once: int = _AT_ONCE,
) -> Int[Tensor, "height width"]:
    """The class of the highest score at each pixel of an image of (height, width).

    Scores are resized before the choice, bilinearly, so that borders are not those of patches.
    Of equal scores the first class wins. At most `at_once` resized scores, or those of one class,
    are in memory; their number does not change the result.
    """
    height, width = size
    step = max(at_once // (height * width), 1)
    best = torch.full(size, -torch.inf, dtype=scores.dtype, device=scores.device)
    labels = torch.zeros(size, dtype=torch.int64, device=scores.device)
    for start in range(0, len(scores), step):
        chunk = scores[None, start : start + step]
        resized = functional.interpolate(chunk, size, mode="bilinear", align_corners=False)
        highest, places = resized[0].max(dim=0)
        is_higher = highest > best
        best = torch.where(is_higher, highest, best)
        labels = torch.where(is_higher, places + start, labels)
    return labels


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts of pixels by true class (rows) and predicted class (columns)."""

    counts: Counts

    @classmethod
    def empty(cls, classes: int) -> "Confusion":
        """No pixels yet."""
        if classes < 1:
            raise UsageError(f"a confusion needs at least one class, not {classes}.")
        return cls(np.zeros((classes, classes), dtype=np.int64))

    def __add__(self, other: "Confusion") -> "Confusion":
        if self.counts.shape != other.counts.shape:
            raise UsageError(
                f"confusions of {len(self.counts)} and of {len(other.counts)} classes do not add "
                "up; count both over the same classes."
            )
        return Confusion(self.counts + other.counts)

    def seen(self, predicted: Labels, truth: Labels, *, ignore: int | None = 255) -> "Confusion":
        """These counts and those of one more image; pixels of true label `ignore` do not count.

        Raises `DataError` with the code `bad_label` for other true labels that are no class, and
        `UsageError` for predictions that are none or have another shape.
        """
        if predicted.shape != truth.shape:
            raise UsageError(
                f"predictions are {predicted.shape}, the truth {truth.shape}; predict at its size."
            )
        counted = np.ones(truth.shape, dtype=bool) if ignore is None else truth != ignore
        classes = len(self.counts)
        guessed, true = predicted[counted].astype(np.int64), truth[counted].astype(np.int64)
        if wrong := _outside(true, classes):
            raise DataError("bad_label", f"true labels {wrong} are none of 0..{classes - 1}.")
        if wrong := _outside(guessed, classes):
            raise UsageError(f"predicted labels {wrong} are none of 0..{classes - 1}.")
        pairs = np.bincount(true * classes + guessed, minlength=classes**2)
        return Confusion(self.counts + pairs.reshape(classes, classes))


def mean_iou(confusion: Confusion) -> Score:
    """Intersection over union of each class over all pixels, then the mean, 0 to 1.

    The examples are the classes. One that is neither true nor predicted anywhere has NaN and is
    left out; one that is only predicted has 0.
    """
    return _by_class(confusion, _union(confusion.counts))


def mean_accuracy(confusion: Confusion) -> Score:
    """Share of each class's true pixels that are found, then the mean; absent classes have NaN."""
    return _by_class(confusion, confusion.counts.sum(axis=1))


def pixel_accuracy(confusion: Confusion) -> float:
    """Share of all pixels that are right, 0 to 1; NaN without pixels."""
    total = confusion.counts.sum()
    return float(np.trace(confusion.counts) / total) if total else float("nan")


def _union(counts: Counts) -> Int[np.ndarray, " classes"]:
    union: Int[np.ndarray, " classes"] = counts.sum(axis=0) + counts.sum(axis=1) - counts.diagonal()
    return union


def _by_class(confusion: Confusion, totals: Int[np.ndarray, " classes"]) -> Score:
    shares = np.full(len(totals), np.nan)
    np.divide(confusion.counts.diagonal(), totals, out=shares, where=totals > 0)
    return mean_score(shares, range(len(totals)))


def _outside(labels: Int[np.ndarray, " pixels"], classes: int) -> list[int]:
    """The first few labels that are no class."""
    wrong = labels[(labels < 0) | (labels >= classes)]
    return [int(label) for label in np.unique(wrong)[:5]]
