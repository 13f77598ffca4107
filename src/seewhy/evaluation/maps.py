"""How well one map of pixels shows one mask, for each pair of image and label that it bears.

All figures but the areas under curves read the map scaled to 0..1 by its own minimum and
maximum; a constant map becomes 0 everywhere. Pixels that the map has not looked at (NaN) and
pixels that the truth leaves open count nowhere.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer, Num

from seewhy.base.errors import DataError, UsageError

PixelValues = Float[np.ndarray, "height width"]
Mask = Bool[np.ndarray, "_ _"]


@dataclass(frozen=True, eq=False)
class MapOnMask:
    """The scaled scores of the pixels that count, and whether each lies on the mask.

    At least one does.
    """

    scores: Float[np.ndarray, " pixels"]
    on_mask: Bool[np.ndarray, " pixels"]


def compare(values: PixelValues, mask: Mask, *, counted: Mask | None = None) -> MapOnMask:
    """A map and the mask of what it should show, on the pixels that count.

    The map is scaled over all pixels that it has looked at, for its maker did not know the truth.
    Raises `UsageError` where shapes differ or the map is infinite, `DataError` with the code
    `empty_mask` where no pixel that counts lies on the mask.
    """
    shapes = {values.shape, mask.shape} | ({counted.shape} if counted is not None else set())
    if len(shapes) > 1:
        raise UsageError(
            f"the map is {values.shape}, the truth {mask.shape}; resize the map to the truth."
        )
    looked_at = ~np.isnan(values)
    if np.isinf(values).any():
        raise UsageError("the map has infinite values; give finite ones, or NaN where it is blind.")
    chosen = looked_at if counted is None else looked_at & counted
    if not (mask & chosen).any():
        raise DataError(
            "empty_mask",
            f"the mask has {int(mask.sum())} pixels, none of which counts and was looked at; "
            "leave this label out.",
        )
    return MapOnMask(_scaled(values[looked_at])[chosen[looked_at]], mask[chosen])


def compare_label(
    values: PixelValues,
    labels: Integer[np.ndarray, "_ _"],
    *,
    label: int,
    ignore: int | None = 255,
) -> MapOnMask:
    """The same with a map of labels; pixels labelled `ignore` do not count."""
    counted = None if ignore is None else labels != ignore
    return compare(values, labels == label, counted=counted)


def score_contrast(pair: MapOnMask) -> float:
    """Mean score on the mask less mean score beside it, -1 to 1; constant maps have 0.

    Negative: the map shows the opposite. Times 100 and averaged it is the mSC.
    Raises `DataError` with the code `full_mask` where no pixel that counts lies beside it.
    Source: Li et al., CLIP Surgery, 2023 (mean score contrast).
    """
    _check_beside(pair)
    return float(pair.scores[pair.on_mask].mean() - pair.scores[~pair.on_mask].mean())


def pointing_game(pair: MapOnMask) -> float:
    """1 where the highest pixel lies on the mask, else 0; of equally high ones, the share.

    Source: Zhang et al., Top-down Neural Attention by Excitation Backprop, IJCV 2018, without
    its tolerance of 15 pixels.
    """
    highest = pair.scores == pair.scores.max()
    return float(pair.on_mask[highest].mean())


def energy_on_mask(pair: MapOnMask) -> float:
    """The share of all score that lies on the mask; of a constant map, the mask's share of pixels.

    Source: Wang et al., Score-CAM, CVPR workshops 2020 (energy-based pointing game).
    """
    total = pair.scores.sum()
    if total == 0:
        return float(pair.on_mask.mean())
    return float(pair.scores[pair.on_mask].sum() / total)


def pixel_average_precision(pair: MapOnMask) -> float:
    """Average precision of finding the mask's pixels by their score.

    A constant map has the mask's share of pixels.
    """
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(pair.on_mask, pair.scores))


def pixel_auroc(pair: MapOnMask) -> float:
    """Chance that a pixel on the mask outscores one beside it; constant maps have 0.5.

    Raises `DataError` with the code `full_mask` where no pixel that counts lies beside it.
    """
    from sklearn.metrics import roc_auc_score

    _check_beside(pair)
    return float(roc_auc_score(pair.on_mask, pair.scores))


def _scaled(values: Num[np.ndarray, " pixels"]) -> Float[np.ndarray, " pixels"]:
    wide = values.astype(np.float64)
    # Halves, for the range of two extreme numbers would overflow.
    halves = wide / 2
    low = halves.min()
    span = halves.max() - low
    return (halves - low) / span if span > 0 else np.zeros_like(wide)


def _check_beside(pair: MapOnMask) -> None:
    if pair.on_mask.all():
        raise DataError(
            "full_mask", "the mask covers every pixel that counts; leave this label out."
        )
