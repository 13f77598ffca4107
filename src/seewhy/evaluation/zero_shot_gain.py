"""What texts that were found in images add to zero-shot accuracy."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from seewhy.base.errors import UsageError

Choice = Literal["held-out", "published", "all"]


@dataclass(frozen=True, eq=False)
class Gain:
    """Accuracies as shares of the images measured, and which classes kept the texts."""

    base: float
    extended: float
    kept: Bool[np.ndarray, " classes"]
    images: int


def zero_shot_gain(
    base: Float[np.ndarray, "images classes"],
    extended: Float[np.ndarray, "images classes"],
    truth: Int[np.ndarray, " images"],
    *,
    choice: Choice = "held-out",
    seed: int = 0,
) -> Gain:
    """Accuracy of the scores without and with the texts; they come per image and class.

    A class keeps the texts unless they make it worse. "published" judges that by the labels of the
    very images that are measured, which is optimistic: chance alone makes it a gain. "held-out"
    judges by a random half of each class's images and measures on the other half. "all" lets every
    class keep the texts.
    """
    _check(base, extended, truth)
    generator = np.random.default_rng([seed, 0x6A1])
    judged, measured = _halves(truth, generator)
    if choice != "held-out":
        judged = measured = np.ones(len(truth), dtype=bool)
    if not measured.any():
        raise UsageError("no class has two images, so nothing can be held out; use more images.")
    kept = np.ones(base.shape[1], dtype=bool)
    if choice != "all":
        kept = _not_worse(base[judged], extended[judged], truth[judged])
    mixed = np.where(kept, extended, base)
    return Gain(
        _accuracy(base[measured], truth[measured]),
        _accuracy(mixed[measured], truth[measured]),
        kept,
        int(measured.sum()),
    )


def _not_worse(
    base: Float[np.ndarray, "images classes"],
    extended: Float[np.ndarray, "images classes"],
    truth: Int[np.ndarray, " images"],
) -> Bool[np.ndarray, " classes"]:
    change = (extended.argmax(axis=1) == truth) * 1.0 - (base.argmax(axis=1) == truth)
    return np.asarray(np.bincount(truth, weights=change, minlength=base.shape[1]) >= 0)


def _halves(
    truth: Int[np.ndarray, " images"], generator: np.random.Generator
) -> tuple[Bool[np.ndarray, " images"], Bool[np.ndarray, " images"]]:
    """Of each class the smaller half is measured; one image alone is judged only."""
    judged = np.ones(len(truth), dtype=bool)
    for label in np.unique(truth):
        members = generator.permutation(np.flatnonzero(truth == label))
        judged[members[: len(members) // 2]] = False
    return judged, ~judged


def _accuracy(
    scores: Float[np.ndarray, "images classes"], truth: Int[np.ndarray, " images"]
) -> float:
    return float((scores.argmax(axis=1) == truth).mean())


def _check(
    base: Float[np.ndarray, "_ _"], extended: Float[np.ndarray, "_ _"], truth: Int[np.ndarray, "_"]
) -> None:
    if base.shape != extended.shape or len(base) != len(truth) or not base.size:
        raise UsageError(
            f"scores of {base.shape} and {extended.shape} came with {len(truth)} labels; wanted "
            "one row per image and one column per class in both."
        )
    if not (np.isfinite(base).all() and np.isfinite(extended).all()):
        raise UsageError("scores hold NaN or infinity; leave such images out.")
    if truth.min() < 0 or truth.max() >= base.shape[1]:
        raise UsageError(f"labels go from {truth.min()} to {truth.max()}; there are "
                         f"{base.shape[1]} classes.")  # fmt: skip
