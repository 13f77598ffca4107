"""Figures of a data set in which each image counts as often as its weight says.

Weights of one give the figure itself, numbers of draws a resample of the bootstrap. Each class
of statistic names its figures; a call gives them in that order, NaN where one is not defined.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int, Num

Weights = Int[np.ndarray, " images"]
Figures = Float[np.ndarray, " figures"]
PerClass = Float[np.ndarray, " classes"]


@runtime_checkable
class Statistic(Protocol):
    """Figures out of weights."""

    @property
    def names(self) -> tuple[str, ...]:
        """What the figures are called."""
        ...

    def __call__(self, weights: Weights) -> Figures:
        """The figures when each image counts so often."""
        ...

    def by_class(self, weights: Weights) -> Mapping[str, PerClass]:
        """The figures of each class, for those that are means over classes."""
        ...


@dataclass(frozen=True)
class Interval:
    """A figure and the 2.5 and 97.5 % quantiles of its resamples; NaN where not defined."""

    value: float
    low: float
    high: float


def resampled(images: int, *, resamples: int, seed: int) -> Iterator[Weights]:
    """How often each image is drawn, with replacement, in each resample."""
    for number in range(resamples):
        generator = np.random.default_rng([seed, number])
        yield np.bincount(generator.integers(images, size=images), minlength=images)


def intervals(
    statistic: Statistic, images: int, *, resamples: int, seed: int
) -> dict[str, Interval]:
    """Each figure with its interval over images.

    Resamples in which a figure is not defined are left out of its interval.
    """
    point = statistic(np.ones(images, dtype=np.int64))
    draws = [statistic(weights) for weights in resampled(images, resamples=resamples, seed=seed)]
    table = np.array(draws).reshape(len(draws), len(point))
    return {
        name: _interval(float(point[number]), table[:, number])
        for number, name in enumerate(statistic.names)
    }


def _interval(value: float, draws: Float[np.ndarray, " resamples"]) -> Interval:
    known = draws[~np.isnan(draws)]
    if np.isnan(value) or not len(known):
        return Interval(value, np.nan, np.nan)
    low, high = np.quantile(known, (0.025, 0.975))
    return Interval(value, float(low), float(high))


@dataclass(frozen=True, eq=False)
class Joined:
    """The figures of several statistics on the same images."""

    statistics: tuple[Statistic, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Theirs, in order."""
        return tuple(name for each in self.statistics for name in each.names)

    def __call__(self, weights: Weights) -> Figures:
        """Theirs, in order."""
        return np.concatenate([each(weights) for each in self.statistics])

    def by_class(self, weights: Weights) -> Mapping[str, PerClass]:
        """All of theirs."""
        return {
            name: found
            for each in self.statistics
            for name, found in each.by_class(weights).items()
        }


@dataclass(frozen=True, eq=False)
class RowMeans:
    """Means over all rows, however many an image has."""

    owner: Int[np.ndarray, " rows"]
    values: Mapping[str, Float[np.ndarray, " _"]]

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the values."""
        return tuple(self.values)

    def __call__(self, weights: Weights) -> Figures:
        """The means; values that are NaN are left out."""
        counts = weights[self.owner]
        return np.array([_mean(values, counts) for values in self.values.values()])

    def by_class(self, _weights: Weights) -> Mapping[str, PerClass]:
        """None."""
        return {}


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of image and class: the position of the image, and of the class among `classes`."""

    owner: Int[np.ndarray, " pairs"]
    codes: Int[np.ndarray, " pairs"]
    classes: int

    def summed(self, values: Num[np.ndarray, " pairs"], weights: Weights) -> PerClass:
        """The sum over the pairs of each class."""
        counted = values * weights[self.owner]
        return np.bincount(self.codes, weights=counted, minlength=self.classes)


@dataclass(frozen=True, eq=False)
class ClassMeans:
    """The mean within each class, then over the classes that have any value."""

    pairs: Pairs
    values: Mapping[str, Float[np.ndarray, " _"]]

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the values."""
        return tuple(self.values)

    def __call__(self, weights: Weights) -> Figures:
        """The means over classes."""
        return np.array([_mean(found) for found in self.by_class(weights).values()])

    def by_class(self, weights: Weights) -> Mapping[str, PerClass]:
        """The means within classes; values that are NaN are left out."""
        return {
            name: _shares(
                self.pairs.summed(np.nan_to_num(values), weights),
                self.pairs.summed((~np.isnan(values)).astype(np.int64), weights),
            )
            for name, values in self.values.items()
        }


@dataclass(frozen=True, eq=False)
class ClassIou:
    """Intersections over unions, both summed within each class, then the mean over classes."""

    pairs: Pairs
    intersections: Int[np.ndarray, " pairs"]
    unions: Int[np.ndarray, " pairs"]

    @property
    def names(self) -> tuple[str, ...]:
        """One figure."""
        return ("mIoU",)

    def __call__(self, weights: Weights) -> Figures:
        """The mean over the classes that are there."""
        return np.array([_mean(self.by_class(weights)["mIoU"])])

    def by_class(self, weights: Weights) -> Mapping[str, PerClass]:
        """Of each class."""
        parts, wholes = (
            self.pairs.summed(each, weights) for each in (self.intersections, self.unions)
        )
        return {"mIoU": _shares(parts, wholes)}


@dataclass(frozen=True, eq=False)
class LabelIou:
    """Means of segmentation out of counts of pixels per image and class."""

    right: Int[np.ndarray, "images classes"]
    true: Int[np.ndarray, "images classes"]
    predicted: Int[np.ndarray, "images classes"]

    @property
    def names(self) -> tuple[str, ...]:
        """Mean IoU, mean accuracy over classes, and accuracy of pixels."""
        return ("mIoU", "class accuracy", "pixel accuracy")

    def __call__(self, weights: Weights) -> Figures:
        """The figures; classes neither true nor predicted are left out."""
        found = self.by_class(weights)
        pixels = _shares(*(np.array([(weights @ each).sum()]) for each in (self.right, self.true)))
        return np.array([*map(_mean, found.values()), pixels[0]])

    def by_class(self, weights: Weights) -> Mapping[str, PerClass]:
        """IoU and the share of a class's true pixels that are found."""
        right, true, predicted = (
            weights @ each for each in (self.right, self.true, self.predicted)
        )
        return {
            "mIoU": _shares(right, true + predicted - right),
            "class accuracy": _shares(right, true),
        }


@dataclass(frozen=True, eq=False)
class TagPrecision:
    """Average precision of each class over images, and its mean; equal scores count together."""

    scores: Float[np.ndarray, "images classes"]
    tags: Bool[np.ndarray, "images classes"]

    @property
    def names(self) -> tuple[str, ...]:
        """One figure."""
        return ("mAP",)

    def __call__(self, weights: Weights) -> Figures:
        """The mean over the classes that some image bears."""
        return np.array([_mean(self.by_class(weights)["mAP"])])

    def by_class(self, weights: Weights) -> Mapping[str, PerClass]:
        """Average precision of each class; NaN where no image bears it."""
        return {"mAP": np.array([ranked.precision(weights) for ranked in self._ranked])}

    @cached_property
    def _ranked(self) -> Sequence["_Ranked"]:
        pairs = zip(self.scores.T, self.tags.T, strict=True)
        return [_Ranked.of(scores, tags) for scores, tags in pairs]


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Images from the highest score down; `ends` are the last places of equal scores."""

    order: Int[np.ndarray, " images"]
    tags: Bool[np.ndarray, " images"]
    ends: Int[np.ndarray, " distinct"]

    @classmethod
    def of(
        cls, scores: Float[np.ndarray, " images"], tags: Bool[np.ndarray, " images"]
    ) -> "_Ranked":
        order = np.argsort(-scores, kind="stable")
        falls = np.flatnonzero(np.diff(scores[order]))
        return cls(order, tags[order], np.append(falls, len(order) - 1))

    def precision(self, weights: Weights) -> float:
        counts = weights[self.order]
        hits = np.cumsum(counts * self.tags)[self.ends]
        taken = np.cumsum(counts)[self.ends]
        if not hits[-1]:
            return float("nan")
        gains = np.diff(hits, prepend=0)
        return float((gains * _shares(hits, taken))[gains > 0].sum() / hits[-1])


def _shares(parts: Num[np.ndarray, " _"], totals: Num[np.ndarray, " _"]) -> PerClass:
    found = np.full(np.shape(totals), np.nan)
    np.divide(parts, totals, out=found, where=totals > 0)
    return found


def _mean(values: Float[np.ndarray, " _"], counts: Num[np.ndarray, " _"] | None = None) -> float:
    """Over the values that are known."""
    known = ~np.isnan(values)
    weights = known if counts is None else counts * known
    total = weights.sum()
    return float((np.nan_to_num(values) * weights).sum() / total) if total else float("nan")
