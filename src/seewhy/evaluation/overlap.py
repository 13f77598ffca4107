"""IoU of maps with masks, at the one threshold that suits a data set and method best."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from seewhy.base.errors import UsageError
from seewhy.evaluation.maps import MapOnMask
from seewhy.evaluation.scores import Averaged, Score

THRESHOLDS = np.arange(101) / 100
"""0.00 to 1.00; a pixel is on the thing when its scaled score reaches the threshold."""


@dataclass(frozen=True, eq=False)
class Overlap:
    """Pixels that are on both a map and its mask, and on either, at each of `THRESHOLDS`."""

    intersections: Int[np.ndarray, "101"]
    unions: Int[np.ndarray, "101"]


def overlap(pair: MapOnMask) -> Overlap:
    """The counts of one pair of map and mask; a union is never empty, for no mask is."""
    on_map = _reaching(pair.scores)
    on_both = _reaching(pair.scores[pair.on_mask])
    return Overlap(on_both, on_map + int(pair.on_mask.sum()) - on_both)


@dataclass(frozen=True)
class ThresholdIou:
    """IoU 0 to 1 at one threshold for all maps of a method on a data set.

    `by_class` sums the pixels of each class over all images before dividing, and its examples
    are the classes in `class_order`; `by_example` divides pair by pair. `oracle` gives each
    pair its own best threshold, which no method knows.
    """

    threshold: float
    class_order: tuple[Hashable, ...]
    by_class: Score
    by_example: Score
    oracle: Score


def best_threshold_iou(
    overlaps: Sequence[Overlap], classes: Sequence[Hashable], *, by: Averaged = "class"
) -> ThresholdIou:
    """Means at the threshold that makes one of them largest; of equal ones, the lowest.

    `classes` names the class of each pair. Source: Li et al., CLIP Surgery, 2023, which searches
    the threshold by the same procedure for every method; the grid is ours.
    """
    if not overlaps or len(overlaps) != len(classes):
        raise UsageError(
            f"{len(overlaps)} overlaps came with {len(classes)} classes; give one class each, "
            "and at least one."
        )
    order = tuple(dict.fromkeys(classes))
    numbers = {name: number for number, name in enumerate(order)}
    codes = np.array([numbers[name] for name in classes])
    inside = np.stack([each.intersections for each in overlaps])
    around = np.stack([each.unions for each in overlaps])
    of_pairs = inside / around
    of_classes = _summed(inside, codes) / _summed(around, codes)
    best = int((of_classes if by == "class" else of_pairs).mean(axis=0).argmax())
    return ThresholdIou(
        float(THRESHOLDS[best]),
        order,
        by_class=_score(of_classes[:, best]),
        by_example=_score(of_pairs[:, best]),
        oracle=_score(of_pairs.max(axis=1)),
    )


def _reaching(scores: Float[np.ndarray, " pixels"]) -> Int[np.ndarray, "101"]:
    """How many scores reach each threshold."""
    return len(scores) - np.searchsorted(np.sort(scores), THRESHOLDS)


def _summed(
    counts: Int[np.ndarray, "pairs 101"], codes: Int[np.ndarray, " pairs"]
) -> Int[np.ndarray, "classes 101"]:
    sums = np.zeros((int(codes.max()) + 1, counts.shape[1]), dtype=np.int64)
    np.add.at(sums, codes, counts)
    return sums


def _score(values: Float[np.ndarray, " examples"]) -> Score:
    return Score(float(values.mean()), "share", values)
