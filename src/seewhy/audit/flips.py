"""Does the answer follow when one concept of an image changes, and no other? Formulas only."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from seewhy.audit.shares import binomial_surprise

FEWEST_CHANGED = 15
"""Changed images of a group below which its share is not measured."""
RARE = 0.05
"""A group with a value on all but this share of the images does not vary there."""
NEGLIGIBLE = 0.05
"""The share of answers that may flip although the decision ignores the group."""

Values = Int[np.ndarray, "images groups"]
Counts = Int[np.ndarray, "groups images"]


@dataclass(frozen=True)
class Flips:
    """Per group and image, in how many versions it changed alone, and how many answers flipped.

    `placebo` counts versions in which no group changed. `varies` says which groups have more
    than one value in the images as they are.
    """

    changed: Counts
    flipped: Counts
    placebo_changed: Int[np.ndarray, " images"]
    placebo_flipped: Int[np.ndarray, " images"]
    varies: Bool[np.ndarray, " groups"]

    @property
    def measured(self) -> Bool[np.ndarray, " groups"]:
        """Groups that vary and that changed alone often enough."""
        return np.asarray(self.varies & (self.changed.sum(axis=1) >= FEWEST_CHANGED))

    @property
    def shares(self) -> Float[np.ndarray, " groups"]:
        """Flipped answers per changed version; 0 where nothing changed."""
        return np.asarray(self.flipped.sum(axis=1) / np.maximum(self.changed.sum(axis=1), 1))

    @property
    def placebo(self) -> float:
        """Flipped answers per version in which no group changed; 0 without any."""
        return float(self.placebo_flipped.sum() / max(self.placebo_changed.sum(), 1))

    def p_values(self) -> Float[np.ndarray, " groups"]:
        """Chance of so many flips if no more followed the group than follow no group at all.

        At least 5 % count as following nothing: less is no reliance worth the name. An exact
        binomial test in which each image counts once; 1 where the group is not measured.
        """
        expected = max(self.placebo, NEGLIGIBLE)
        return np.array(
            [
                _surprise(changed, flipped, expected) if known else 1.0
                for changed, flipped, known in zip(
                    self.changed, self.flipped, self.measured, strict=True
                )
            ]
        )


def _surprise(
    changed: Int[np.ndarray, " images"], flipped: Int[np.ndarray, " images"], expected: float
) -> float:
    """Versions of one image answer alike, so that each image is one trial."""
    images = changed > 0
    share = float((flipped[images] / changed[images]).sum())
    return binomial_surprise(int(np.floor(share + 1e-9)), int(images.sum()), expected)


def count_flips(
    before: Values,
    after: Sequence[Values],
    flipped: Sequence[Bool[np.ndarray, " images"]],
) -> Flips:
    """Compare each version of the images, and whether its answer flipped, with the original.

    `before` and `after` hold the position of each image's value per group, as read.
    """
    groups = before.shape[1]
    changed, flips = (np.zeros((groups, len(before)), dtype=int) for _ in range(2))
    placebo = np.zeros((2, len(before)), dtype=int)
    for values, flip in zip(after, flipped, strict=True):
        alone = changed_alone(before, values).T
        none = (values == before).all(axis=1)
        changed += alone
        flips += alone & flip
        placebo += np.stack([none, none & flip])
    return Flips(changed, flips, placebo[0], placebo[1], _varies(before))


def changed_alone(before: Values, after: Values) -> Bool[np.ndarray, "images groups"]:
    """Per image which group's value changed, where no other's did."""
    differs = before != after
    return np.asarray(differs & (differs.sum(axis=1, keepdims=True) == 1))


def joined(first: Flips, second: Flips) -> Flips:
    """The counts of `first`, and those of `second` for groups that `first` did not measure."""
    missing = ~first.measured[:, None]
    return Flips(
        changed=first.changed + missing * second.changed,
        flipped=first.flipped + missing * second.flipped,
        placebo_changed=first.placebo_changed + second.placebo_changed,
        placebo_flipped=first.placebo_flipped + second.placebo_flipped,
        varies=first.varies,
    )


def _varies(values: Values) -> Bool[np.ndarray, " groups"]:
    commonest = [np.bincount(column).max() / max(len(column), 1) for column in values.T]
    return np.asarray(1 - np.array(commonest) >= RARE)
