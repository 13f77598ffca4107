"""How well scores of classes rank the images that bear them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from seewhy.base.errors import UsageError
from seewhy.evaluation.scores import Score, mean_score


@dataclass(frozen=True)
class TaggingPrecision:
    """Mean average precision over classes, 0 to 1, and how many classes it is not about.

    The examples of `score` are the classes, in order; one that no image bears has NaN.
    """

    score: Score
    left_out: int


def tagging_precision(
    scores: Float[np.ndarray, "images classes"], truth: Bool[np.ndarray, "images classes"]
) -> TaggingPrecision:
    """Average precision of each class over all images, then the mean over classes.

    Only the order of a class's scores over images counts. Equal scores are taken together.
    Raises `UsageError` for scores that are not finite and where no image bears any class.
    """
    if not np.isfinite(scores).all():
        raise UsageError("scores hold NaN or infinite numbers; leave such images out of both.")
    known = np.asarray(truth.any(axis=0))
    if not known.any():
        raise UsageError("no image bears any class; average precision needs one that does.")
    precisions = np.full(truth.shape[1], np.nan)
    precisions[known] = _precisions(scores[:, known], truth[:, known])
    return TaggingPrecision(mean_score(precisions, range(len(known))), int((~known).sum()))


def _precisions(
    scores: Float[np.ndarray, "images classes"], truth: Bool[np.ndarray, "images classes"]
) -> Float[np.ndarray, " classes"]:
    from sklearn.metrics import average_precision_score

    columns = zip(truth.T, scores.T, strict=True)
    return np.array([average_precision_score(*column) for column in columns])
