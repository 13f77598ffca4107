"""What every metric returns, and means over examples or over classes."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from seewhy.base.errors import UsageError

ScoreUnit = Literal["share", "percent"]
Averaged = Literal["class", "example"]


@dataclass(frozen=True, eq=False)
class Score:
    """One figure, and the figures it is the mean of; NaN is a figure that is not defined.

    Unit "share" means 0 to 1, "percent" 100 times as much; the metric says whether negative
    figures occur and what one example is.
    """

    value: float
    unit: ScoreUnit
    per_example: Float[np.ndarray, " examples"]


def mean_score(
    values: Float[np.ndarray, " examples"],
    classes: Sequence[Hashable],
    *,
    by: Averaged = "class",
    unit: ScoreUnit = "share",
) -> Score:
    """The mean over examples, or over classes of the mean within each class.

    Unit "percent" multiplies by 100. Examples with NaN are left out; without any other the
    value is NaN.
    """
    if len(classes) != len(values):
        raise UsageError(f"{len(values)} values came with {len(classes)} classes; give one each.")
    figures = values.astype(np.float64) * (100.0 if unit == "percent" else 1.0)
    return Score(_mean(figures, classes, by), unit, figures)


def _mean(
    values: Float[np.ndarray, " examples"], classes: Sequence[Hashable], by: Averaged
) -> float:
    known = ~np.isnan(values)
    if not known.any():
        return float("nan")
    if by == "example":
        return float(values[known].mean())
    names = list(dict.fromkeys(classes))
    numbers = {name: number for number, name in enumerate(names)}
    codes = np.array([numbers[name] for name in classes])[known]
    counts = np.bincount(codes, minlength=len(names))
    sums = np.bincount(codes, weights=values[known], minlength=len(names))
    present = counts > 0
    return float((sums[present] / counts[present]).mean())
