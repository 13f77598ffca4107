"""How much of the variance of a model's outputs each concept group explains: formulas only."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float, Int

Features = Float[np.ndarray, "images features"]
Outcomes = Float[np.ndarray, "images outputs"]
PerImage = Float[np.ndarray, " images"]

_MOST_PERMUTED = 5
_SAMPLED_ORDERS = 60
_RIDGE = 1e-3


@dataclass(frozen=True)
class Decomposition:
    """Per image, in squared units of the outcome; sums over images divided by `total` are R2.

    `unique[g]` is what group g explains beyond all others, `shapley[g]` its average gain over
    all orders, `joint` what all groups explain together. All are cross-validated and can be
    negative where a group only adds noise.
    """

    total: PerImage
    joint: PerImage
    unique: Mapping[str, PerImage]
    shapley: Mapping[str, PerImage]


def decompose(
    features: Mapping[str, Features], outcomes: Outcomes, generator: np.random.Generator
) -> Decomposition:
    """Split the cross-validated variance of `outcomes` between groups of features.

    Ridge regression in five folds. Orders are all permutations for up to five groups, and 60
    random ones beyond. Source: Lindeman, Merenda and Gold, 1980 (LMG), which is the Shapley
    value of R2; cross-validation is ours.
    """
    folds = fold_numbers(len(outcomes), generator)
    names = list(features)

    @cache
    def errors(subset: frozenset[str]) -> PerImage:
        columns = [features[name] for name in names if name in subset]
        chosen = np.concatenate(columns, axis=1) if columns else np.zeros((len(outcomes), 0))
        residuals = outcomes - cross_predicted(chosen, outcomes, folds)
        return np.asarray((residuals**2).sum(axis=1))

    everything = frozenset(names)
    none, all_groups = errors(frozenset()), errors(everything)
    return Decomposition(
        total=none,
        joint=none - all_groups,
        unique={name: errors(everything - {name}) - all_groups for name in names},
        shapley=_average_gains(names, errors, generator),
    )


def _average_gains(
    names: Sequence[str],
    errors: Callable[[frozenset[str]], PerImage],
    generator: np.random.Generator,
) -> dict[str, PerImage]:
    if len(names) <= _MOST_PERMUTED:
        orders = list(itertools.permutations(names))
    else:
        orders = [tuple(generator.permutation(names)) for _ in range(_SAMPLED_ORDERS)]
    gains = {name: np.zeros_like(errors(frozenset())) for name in names}
    for order in orders:
        for position, name in enumerate(order):
            before = frozenset(order[:position])
            gains[name] += errors(before) - errors(before | {name})
    return {name: gain / len(orders) for name, gain in gains.items()}


def fold_numbers(
    images: int, generator: np.random.Generator, *, folds: int = 5
) -> Int[np.ndarray, " images"]:
    """A fold 0..folds-1 for each image, as equal in size as possible."""
    return generator.permutation(np.arange(images) % folds)


def cross_predicted(
    features: Features, outcomes: Outcomes, folds: Int[np.ndarray, " images"]
) -> Outcomes:
    """Each fold predicted by ridge regression on the others; no features predict the mean."""
    predicted = np.zeros_like(outcomes)
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        centre, mean = features[train].mean(axis=0), outcomes[train].mean(axis=0)
        spread = features[train].std(axis=0)
        scale = np.where(spread > 1e-12, spread, np.inf)
        design = (features[train] - centre) / scale
        penalty = _RIDGE * len(design) * np.eye(design.shape[1])
        weights = np.linalg.solve(design.T @ design + penalty, design.T @ (outcomes[train] - mean))
        predicted[test] = (features[test] - centre) / scale @ weights + mean
    return predicted


def separability(
    features: Mapping[str, Features], generator: np.random.Generator
) -> dict[str, float]:
    """For each group the share of its variance that the other groups do not explain, 0 to 1.

    Near 0 the images cannot tell the group from the others: it is collinear with them.
    """
    folds = fold_numbers(len(next(iter(features.values()))), generator)
    result = {}
    for name, own in features.items():
        others = np.concatenate([f for other, f in features.items() if other != name], axis=1)
        left = ((own - cross_predicted(others, own, folds)) ** 2).sum()
        total = ((own - cross_predicted(own[:, :0], own, folds)) ** 2).sum()
        result[name] = float(min(max(left / total, 0.0), 1.0)) if total > 0 else 0.0
    return result


def ratio_of_sums(
    parts: Float[np.ndarray, "rows images"],
    total: Float[np.ndarray, " images"],
    resamples: Int[np.ndarray, "resamples images"],
) -> Float[np.ndarray, "rows resamples"]:
    """`parts` summed over `total` summed, in each bootstrap resample; 0 where total is 0."""
    shares = np.zeros((len(parts), len(resamples)))
    for column, rows in enumerate(resamples):
        whole = total[rows].sum()
        if whole > 0:
            shares[:, column] = parts[:, rows].sum(axis=1) / whole
    return shares


def total_effect(
    before: Outcomes, after: Outcomes
) -> tuple[PerImage, Float[np.ndarray, " images"]]:
    """Squared change per image, and twice its pooled variance per image; their ratio is 0 to 2.

    The ratio of the sums is the total-effect index of the changed attribute: 0 when outputs stay,
    1 when they are as different as those of two random images. Source: Jansen, 1999 (estimator
    of Sobol's total effect); the variance is pooled over both versions, so that a constant output
    that jumps counts fully.
    """
    change = ((after - before) ** 2).sum(axis=1)
    centre = (before.mean(axis=0) + after.mean(axis=0)) / 2
    spread = ((before - centre) ** 2).sum(axis=1) + ((after - centre) ** 2).sum(axis=1)
    return change, spread


def bootstrap_indices(
    images: int, resamples: int, generator: np.random.Generator
) -> Int[np.ndarray, "resamples images"]:
    """Positions of images drawn with replacement."""
    return generator.integers(max(images, 1), size=(resamples, images))


def sampled_rows(
    images: int, most: int, generator: np.random.Generator
) -> Int[np.ndarray, " rows"]:
    """At most so many positions of images, without repetition, in random order."""
    return generator.permutation(images)[:most]


def binomial_surprise(right: int, images: int, chance: float) -> float:
    """Chance of at least this many right answers by guessing at rate `chance`."""
    from scipy.stats import binomtest

    if images == 0 or math.isclose(chance, 1.0):
        return 1.0
    return float(binomtest(right, images, chance, alternative="greater").pvalue)
