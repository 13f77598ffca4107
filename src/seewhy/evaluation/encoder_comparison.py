"""Whether encoders whose two sides share more concepts also classify better."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from seewhy.base.errors import UsageError
from seewhy.evaluation.weighted import Interval

Figure = Literal["information", "area"]

ALL = "all"
_LEVEL = (0.025, 0.975)


@dataclass(frozen=True)
class EncoderFigures:
    """One encoder on one data set; figures of a comparison are in the same units.

    `information` and `area` are the start and the mean of the mean deletion curve (the paper's MI
    and AUC).
    """

    name: str
    family: str
    accuracy: float
    information: float
    area: float
    pretraining: str = ""
    parameters: int | None = None


@dataclass(frozen=True)
class Relation:
    """Accuracy against a figure of encoders: the least-squares line and two correlations.

    Intervals are bootstrap ones over encoders, NaN where most resamples have no correlation. They
    are rough for few encoders, and encoders that share data or design are no independent draws.
    """

    encoders: int
    slope: float
    intercept: float
    pearson: Interval
    spearman: Interval

    def accuracy(self, figure: float) -> float:
        """What the line says."""
        return self.slope * figure + self.intercept


def relation(
    encoders: Sequence[EncoderFigures],
    *,
    figure: Figure = "area",
    resamples: int = 2000,
    seed: int = 0,
) -> Relation:
    """How accuracy goes with a figure over at least three encoders; NaN where one is constant."""
    if len(encoders) < 3:
        raise UsageError(f"{len(encoders)} encoder(s) are compared; a line needs at least three.")
    pairs = np.array([[getattr(one, figure), one.accuracy] for one in encoders], dtype=np.float64)
    bad = [
        one.name for one, pair in zip(encoders, pairs, strict=True) if not np.isfinite(pair).all()
    ]
    if bad:
        raise UsageError(f"figures of {', '.join(bad)} are no numbers; leave such encoders out.")
    slope, intercept = _line(pairs)
    generator = np.random.default_rng([seed, 0xE0C])
    drawn = pairs[generator.integers(len(pairs), size=(resamples, len(pairs)))]
    return Relation(
        len(encoders),
        slope,
        intercept,
        _interval(_pearson(pairs[None]), _pearson(drawn)),
        _interval(_pearson(_ranked(pairs[None])), _pearson(_ranked(drawn))),
    )


def relations(
    encoders: Sequence[EncoderFigures], *, figure: Figure = "area", seed: int = 0
) -> dict[str, Relation]:
    """The relation over all encoders, under "all", and within each family of at least three."""
    names = [encoder.name for encoder in encoders]
    if len(set(names)) < len(names):
        raise UsageError(f"an encoder stands twice among {', '.join(names)}; give each one row.")
    families = dict.fromkeys(encoder.family for encoder in encoders)
    groups = {ALL: list(encoders)} | {
        family: [encoder for encoder in encoders if encoder.family == family]
        for family in families
        if family != ALL
    }
    return {
        name: relation(members, figure=figure, seed=seed)
        for name, members in groups.items()
        if len(members) >= 3 or name == ALL
    }


def _line(pairs: Float[np.ndarray, "encoders 2"]) -> tuple[float, float]:
    (x, y), mean = pairs.T, pairs.mean(axis=0)
    spread = ((x - mean[0]) ** 2).sum()
    if spread == 0:
        return float("nan"), float("nan")
    slope = ((x - mean[0]) * (y - mean[1])).sum() / spread
    return float(slope), float(mean[1] - slope * mean[0])


def _pearson(pairs: Float[np.ndarray, "samples encoders 2"]) -> Float[np.ndarray, " samples"]:
    """NaN where either figure is constant."""
    centred = pairs - pairs.mean(axis=1, keepdims=True)
    product = (centred[..., 0] * centred[..., 1]).sum(axis=1)
    constant = (np.ptp(pairs, axis=1) == 0).any(axis=1)
    lengths = np.sqrt((centred**2).sum(axis=1)).prod(axis=1)
    return np.asarray(np.clip(product / np.where(constant, np.nan, lengths), -1, 1))


def _ranked(
    pairs: Float[np.ndarray, "samples encoders 2"],
) -> Float[np.ndarray, "samples encoders 2"]:
    from scipy.stats import rankdata

    return np.asarray(rankdata(pairs, axis=1))


def _interval(value: Float[np.ndarray, " 1"], drawn: Float[np.ndarray, " samples"]) -> Interval:
    known = drawn[~np.isnan(drawn)]
    if 2 * len(known) < len(drawn) or np.isnan(value[0]):
        return Interval(float(value[0]), float("nan"), float("nan"))
    low, high = np.quantile(known, _LEVEL)
    return Interval(float(value[0]), float(low), float(high))
