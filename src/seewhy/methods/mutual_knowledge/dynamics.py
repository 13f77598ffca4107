"""What is left of the shared concepts as the most relevant ones are taken away."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.overlap import hits_of, overlap_informations

Curve = Float[np.ndarray, " steps"]

_LEVEL = (0.025, 0.975)
_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Interval:
    """A figure and where the bootstrap over images puts it in 95 of 100 resamples."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Dynamics:
    """Deletion curves of a data set in short.

    `start` (the paper's MI) and `area` (its AUC) are those of the mean curve, in which a short
    curve counts less; `mean_area` is the mean of the images' own areas.
    """

    curve: Curve
    start: Interval
    area: Interval
    mean_area: Interval


@dataclass(frozen=True)
class Chance:
    """The mean area over images when each is compared with the class of another one.

    `mean`, `low` and `high` describe the permutations (2.5 and 97.5 %); `p_value` is the share of
    them, the real classes included, that reach `value`.
    """

    value: float
    mean: float
    low: float
    high: float
    p_value: float


def deletion_curve(vision: Sequence[int], language: Sequence[int]) -> Curve:
    """The published index as entries of the first list, most relevant first, stop matching.

    One value more than the list has entries; the first is of the whole list, the last is 0. As the
    index is a logarithm the curve stays near its start until the last match is gone, so its area
    says mostly how far down the order of relevance the last shared concept stands.
    """
    hits = np.array([hits_of(vision, language)], dtype=np.int64)
    lengths = np.array([len(vision)]), np.array([len(language)])
    return np.asarray(_curves(hits, *lengths)[0])


def auc(curve: Curve) -> float:
    """Mean of the curve's values: steps are not normalised, ends count fully."""
    if not len(curve):
        raise UsageError("a curve without values has no area; deletion_curve gives at least one.")
    return float(curve.mean())


def mean_curve(curves: Sequence[Float[np.ndarray, "_"]]) -> Curve:
    """The pointwise mean of curves, each filled up with zeros to the longest.

    For the single figure that the authors draw of two kinds of parts take the mean curve of each
    kind, then the mean of these two.
    """
    return np.asarray(_padded(curves).mean(axis=0))


def summarised(
    curves: Sequence[Float[np.ndarray, "_"]], *, resamples: int = 1000, seed: int = 0
) -> Dynamics:
    """The mean curve and its figures with bootstrap intervals over images.

    Resamples keep the number of steps of the longest curve.
    """
    padded = _padded(curves)
    own = np.array([auc(curve) for curve in curves])
    figures = np.stack([padded[:, 0], padded.mean(axis=1), own])
    generator = np.random.default_rng([seed, 0xD7A])
    drawn = np.array(
        [
            figures[:, generator.integers(len(own), size=len(own))].mean(axis=1)
            for _ in range(resamples)
        ]
    )
    start, area, mean_area = (
        Interval(float(values.mean()), *map(float, np.quantile(spread, _LEVEL)))
        for values, spread in zip(figures, drawn.T, strict=True)
    )
    return Dynamics(padded.mean(axis=0), start, area, mean_area)


def chance_level(
    lists: Sequence[Sequence[int]],
    classes: Int[np.ndarray, " images"],
    language: Int[np.ndarray, "classes kept"],
    *,
    permutations: int = 200,
    seed: int = 0,
) -> Chance:
    """What the mean area over images would be if images had nothing to do with their classes.

    `lists` hold each image's concepts by relevance, `classes` its row of `language`, the ids that
    the text side has for each class. Classes are permuted among images. Where all images have one
    class nothing can be permuted, and the p-value is 1.
    """
    _check_images(lists, classes, language)
    generator = np.random.default_rng([seed, 0xC4A])
    vision, lengths = _table(lists)
    value = _mean_area(vision, lengths, language[classes])
    permuted = np.array(
        [
            _mean_area(vision, lengths, language[generator.permutation(classes)])
            for _ in range(permutations)
        ]
    )
    low, high = map(float, np.quantile(permuted, _LEVEL))
    # Sums in another order differ in the last digits.
    reached = int((permuted >= value - 1e-12).sum())
    return Chance(value, float(permuted.mean()), low, high, (reached + 1) / (permutations + 1))


def _check_images(
    lists: Sequence[Sequence[int]],
    classes: Int[np.ndarray, " images"],
    language: Int[np.ndarray, "classes kept"],
) -> None:
    if len(lists) != len(classes) or not lists:
        raise UsageError(
            f"{len(lists)} lists of concepts came with {len(classes)} classes; wanted one class "
            "for each of at least one image."
        )
    wrong = classes[(classes < 0) | (classes >= len(language))]
    if len(wrong):
        raise UsageError(f"class {wrong[0]} is none of the {len(language)} rows of concepts.")


def _curves(
    hits: Int[np.ndarray, "lists entries"],
    vision: Int[np.ndarray, " lists"],
    language: Int[np.ndarray, " lists"],
) -> Float[np.ndarray, "lists steps"]:
    left = np.flip(np.flip(hits, axis=1).cumsum(axis=1), axis=1)
    matches = np.concatenate([left, np.zeros_like(hits[:, :1], shape=(len(hits), 1))], axis=1)
    return overlap_informations(vision[:, None], language[:, None], matches)


def _mean_area(
    vision: Int[np.ndarray, "images entries"],
    lengths: Int[np.ndarray, " images"],
    language: Int[np.ndarray, "images kept"],
) -> float:
    total, kept = 0.0, language.shape[1]
    rows = max(_AT_ONCE // max(vision.shape[1] * kept, 1), 1)
    for first in range(0, len(vision), rows):
        here = slice(first, first + rows)
        hits = (vision[here, :, None] == language[here, None, :]).sum(axis=2)
        curves = _curves(hits, lengths[here], np.full(len(hits), kept))
        total += float((curves.sum(axis=1) / (lengths[here] + 1)).sum())
    return total / len(vision)


def _table(
    lists: Sequence[Sequence[int]],
) -> tuple[Int[np.ndarray, "images entries"], Int[np.ndarray, " images"]]:
    """The lists as rows, filled up with an id that no concept has, and their lengths."""
    lengths = np.array([len(numbers) for numbers in lists])
    table = np.full((len(lists), int(lengths.max())), -1, dtype=np.int64)
    for row, numbers in enumerate(lists):
        table[row, : len(numbers)] = numbers
    return table, lengths


def _padded(curves: Sequence[Float[np.ndarray, "_"]]) -> Float[np.ndarray, "curves steps"]:
    if not curves or not all(len(curve) for curve in curves):
        raise UsageError("wanted at least one curve, and no curve without values.")
    longest = max(map(len, curves))
    return np.array(list(_filled_up(curves, longest)))


def _filled_up(curves: Sequence[Float[np.ndarray, "_"]], longest: int) -> Iterator[Curve]:
    for curve in curves:
        yield np.pad(curve.astype(np.float64), (0, longest - len(curve)))
