"""What a statistic would be if the decision ignored a group, by permuting images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from seewhy.audit.alternatives.subject import permutation_p_value

PERMUTATIONS = 99
_RANK = 1e-6

Rows = Float[np.ndarray, "images columns"]
AnyRows = Float[np.ndarray, "_ _"]


@dataclass(frozen=True)
class Without:
    """A group's features and the outcomes, each split by what the other groups explain."""

    others: Float[np.ndarray, "images rank"]
    own_left: Float[np.ndarray, "images own"]
    explained: Float[np.ndarray, "images outputs"]
    left: Float[np.ndarray, "images outputs"]


def without_others(features: Mapping[str, AnyRows], outcomes: Rows, *, group: str) -> Without:
    """Least squares on a constant and all groups but one; `others` is an orthonormal basis."""
    constant = np.ones((len(outcomes), 1))
    rest = [values - values.mean(axis=0) for name, values in features.items() if name != group]
    others = _basis(np.concatenate([constant, *rest], axis=1))
    own = features[group]
    explained = others @ (others.T @ outcomes)
    return Without(others, own - others @ (others.T @ own), explained, outcomes - explained)


def unique_p_values(
    features: Mapping[str, AnyRows], outcomes: Rows, generator: np.random.Generator
) -> dict[str, float]:
    """Per group the chance of so large a gain in R2 over all others, by 99 permutations.

    What the others leave of the group's features is dealt to other images, freed of the others
    again, and asked how much it explains of what they leave of the outcomes. Source: the
    regression variant of Freedman and Lane, 1983; see Winkler et al., NeuroImage 2014.
    """
    orders = permutations(len(outcomes), generator)
    result = {}
    for group, own in features.items():
        parts = without_others(features, outcomes, group=group)
        basis = _basis(parts.own_left, scale=float(np.abs(own - own.mean(axis=0)).max()))
        observed = float(((basis.T @ parts.left) ** 2).sum())
        by_chance = _explained_by_chance(basis[orders], parts)
        result[group] = permutation_p_value(observed, by_chance) if basis.shape[1] else 1.0
    return result


def _explained_by_chance(
    dealt: Float[np.ndarray, "draws images rank"], parts: Without
) -> Float[np.ndarray, " draws"]:
    """Squared length of the outcomes' projection on the dealt features, freed of the others."""
    shared = np.einsum("nq,pnv->pqv", parts.others, dealt, optimize=True)
    gram = np.eye(dealt.shape[2]) * (1 + 1e-9) - np.swapaxes(shared, 1, 2) @ shared
    products = np.swapaxes(dealt, 1, 2) @ parts.left
    return np.asarray((products * np.linalg.solve(gram, products)).sum(axis=(1, 2)))


def permutations(
    images: int, generator: np.random.Generator, *, draws: int = PERMUTATIONS
) -> Int[np.ndarray, "draws images"]:
    """Orders of the images at random."""
    return generator.permuted(np.tile(np.arange(images), (draws, 1)), axis=1)


def _basis(columns: Rows, *, scale: float | None = None) -> Float[np.ndarray, "images rank"]:
    """Orthonormal columns of the same span; `scale` is the size of values that are not nothing."""
    left, spread, _ = np.linalg.svd(columns, full_matrices=False)
    largest = spread.max(initial=0.0) if scale is None else scale * len(columns) ** 0.5
    return np.asarray(left[:, spread > _RANK * largest])
