"""A linear map from one space of images to another, as strong as cross-validation allows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from seewhy.audit.shares import fold_numbers

PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Candidates for the ridge, in units of the inputs' total variance."""

FITS = 0.1
"""A map that explains less than this share of the variance of its outputs says nothing."""

Inputs = Float[np.ndarray, "images inputs"]
Outputs = Float[np.ndarray, "images outputs"]


@dataclass(frozen=True)
class LinearMap:
    """outputs = (inputs - centre) @ weights + offset.

    `predicted` are the outputs of the images it was fitted on, each by a map that was fitted on
    other images; `r_squared` is the share of their variance that these explain, 1 at most.
    """

    weights: Float[np.ndarray, "inputs outputs"]
    centre: Float[np.ndarray, " inputs"]
    offset: Float[np.ndarray, " outputs"]
    predicted: Outputs
    penalty: float
    r_squared: float

    @property
    def fits(self) -> bool:
        """Whether at least a tenth of the variance is explained."""
        return self.r_squared >= FITS

    def __call__(self, inputs: Inputs) -> Outputs:
        """The outputs of other images."""
        return np.asarray((inputs - self.centre) @ self.weights + self.offset)


def fit_linear_map(inputs: Inputs, outputs: Outputs, generator: np.random.Generator) -> LinearMap:
    """Ridge regression; the strength is that with the least error over five folds."""
    folds = fold_numbers(len(inputs), generator)
    trials = _cross_predicted(inputs, outputs, folds)
    errors = ((trials - outputs) ** 2).sum(axis=(1, 2))
    best = int(errors.argmin())
    centre, offset = inputs.mean(axis=0), outputs.mean(axis=0)
    total = ((outputs - offset) ** 2).sum()
    (weights,) = _ridges(inputs - centre, outputs - offset, penalties=PENALTIES[best : best + 1])
    return LinearMap(
        weights=weights,
        centre=centre,
        offset=offset,
        predicted=trials[best],
        penalty=PENALTIES[best],
        r_squared=float(1 - errors[best] / total) if total > 0 else 0.0,
    )


def _cross_predicted(
    inputs: Inputs, outputs: Outputs, folds: Int[np.ndarray, " images"]
) -> Float[np.ndarray, "penalties images outputs"]:
    predicted = np.zeros((len(PENALTIES), *outputs.shape))
    for fold in np.unique(folds):
        train, test = folds != fold, folds == fold
        centre, offset = inputs[train].mean(axis=0), outputs[train].mean(axis=0)
        maps = _ridges(inputs[train] - centre, outputs[train] - offset, penalties=PENALTIES)
        predicted[:, test] = (inputs[test] - centre) @ maps + offset
    return predicted


def _ridges(
    inputs: Inputs, outputs: Outputs, *, penalties: Sequence[float]
) -> Float[np.ndarray, "penalties inputs outputs"]:
    """The ridge solutions of centred data, all from one decomposition."""
    left, spread, right = np.linalg.svd(inputs, full_matrices=False)
    projected = left.T @ outputs
    total = max(float((spread**2).sum()), 1e-300)
    shrunk = [spread / (spread**2 + penalty * total) for penalty in penalties]
    return np.stack([right.T @ (each[:, None] * projected) for each in shrunk])
