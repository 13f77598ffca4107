"""How well a grey prediction shows the one thing that is to be found, camouflaged or salient.

Predictions are 0 to 1 as `stretched` makes them, the truth is a mask. S-measure, E-measure and
weighted F are 0 to 1 and better when higher, but for what the docstrings say; the mean absolute
error is better when lower.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Num

from seewhy.base.errors import UsageError

Prediction = Float[np.ndarray, "height width"]
Mask = Bool[np.ndarray, "_ _"]

_EPSILON = float(np.spacing(1))
_LEVELS = 256


def stretched(values: Num[np.ndarray, "height width"]) -> Prediction:
    """A map as these metrics take it: minimum to 0, maximum to 1; a constant one becomes 0.

    Published figures read predictions from 8-bit files, so floating values are cut to 256 levels;
    integers are stretched as they are.
    """
    if not np.isfinite(values).all():
        raise UsageError("the prediction has NaN or infinite pixels; give finite ones.")
    wide = values.astype(np.float64)
    span = wide.max() - wide.min()
    if span == 0:
        return np.zeros_like(wide)
    shares = (wide - wide.min()) / span
    return shares if values.dtype.kind in "iu" else _levels(shares) / (_LEVELS - 1)


def mean_absolute_error(prediction: Prediction, mask: Mask) -> float:
    """Mean distance of prediction and mask, 0 to 1; lower is better."""
    _check(prediction, mask)
    return float(np.abs(prediction - mask).mean())


def s_measure(prediction: Prediction, mask: Mask, *, object_share: float = 0.5) -> float:
    """Likeness of structure, of the object and of the four regions about its centre.

    An empty mask has 1 less the mean prediction, a full one the mean prediction. Anticorrelated
    regions can make it 0, never less.
    Source: Fan et al., Structure-measure, ICCV 2017; centres are rounded half to even, and a
    single pixel has no deviation, as in the tools that published figures come from.
    """
    _check(prediction, mask)
    if not mask.any():
        return float(1 - prediction.mean())
    if mask.all():
        return float(prediction.mean())
    of_object = _object_likeness(prediction, mask)
    of_regions = _region_likeness(prediction, mask)
    return max(0.0, object_share * of_object + (1 - object_share) * of_regions)


@dataclass(frozen=True, eq=False)
class EMeasure:
    """Alignment of mask and binary prediction at each threshold k / 255, k from 0 to 255."""

    curve: Float[np.ndarray, "256"]

    @property
    def mean(self) -> float:
        """Over all thresholds."""
        return float(self.curve.mean())

    @property
    def maximum(self) -> float:
        """At the threshold that suits this image best."""
        return float(self.curve.max())


def e_measure(prediction: Prediction, mask: Mask) -> EMeasure:
    """Enhanced alignment: both less their means, likened pixel by pixel, squared.

    An empty mask has the share of pixels left out, a full one the share taken in.
    Divides by one pixel less than there are, as the authors' code does, so that it can exceed 1
    by a little. A prediction of one pixel is refused with `UsageError`.
    Source: Fan et al., Enhanced-alignment measure, IJCAI 2018.
    """
    _check(prediction, mask)
    if mask.size == 1:
        raise UsageError("the E-measure needs at least two pixels.")
    levels = _levels(prediction)
    taken = _reaching(levels)
    hits = _reaching(levels[mask])
    if mask.all() or not mask.any():
        right = hits if mask.any() else mask.size - taken
        return EMeasure(right / (mask.size - 1 + _EPSILON))
    return EMeasure(_alignment(hits, taken, mask) / (mask.size - 1 + _EPSILON))


def weighted_f_measure(prediction: Prediction, mask: Mask, *, beta: float = 1.0) -> float:
    """F-measure in which errors near the object's border, or beside other errors, weigh less.

    `beta` above 1 favours recall. An empty mask has 0.
    Source: Margolin et al., How to Evaluate Foreground Maps?, CVPR 2014; windows of 7 x 7 with
    deviation 5, and weights beside the object that fall by half in 5 pixels.
    """
    _check(prediction, mask)
    if not mask.any():
        return 0.0
    weighted = _weighted_errors(np.abs(prediction - mask), mask)
    hits = mask.sum() - weighted[mask].sum()
    recall = 1 - weighted[mask].mean()
    precision = hits / (hits + weighted[~mask].sum() + _EPSILON)
    squared = beta**2
    return float((1 + squared) * recall * precision / (recall + squared * precision + _EPSILON))


def _object_likeness(prediction: Prediction, mask: Mask) -> float:
    share = float(mask.mean())
    return share * _brightness(prediction[mask]) + (1 - share) * _brightness(1 - prediction[~mask])


def _brightness(values: Float[np.ndarray, " pixels"]) -> float:
    """How bright and even the pixels of a region are."""
    mean = values.mean()
    deviation = values.std(ddof=1) if values.size > 1 else 0.0
    return float(2 * mean / (mean**2 + 1 + deviation + _EPSILON))


def _region_likeness(prediction: Prediction, mask: Mask) -> float:
    row, col = (int(centre) + 1 for centre in np.argwhere(mask).mean(axis=0).round())
    total = 0.0
    for rows in (slice(None, row), slice(row, None)):
        for cols in (slice(None, col), slice(col, None)):
            region = mask[rows, cols]
            if region.size:
                likeness = _structure(prediction[rows, cols], region.astype(np.float64))
                total += region.size / mask.size * likeness
    return total


def _structure(first: Prediction, second: Prediction) -> float:
    """Structural similarity of one region, -1 to 1; 1 where both are even and the same or black."""
    means = first.mean() * second.mean()
    degrees = max(first.size - 1, 1)
    shifted, other = first - first.mean(), second - second.mean()
    covariance = (shifted * other).sum() / degrees
    variances = ((shifted**2).sum() + (other**2).sum()) / degrees
    numerator = 4 * means * covariance
    denominator = (first.mean() ** 2 + second.mean() ** 2) * variances
    if numerator != 0:
        return float(numerator / (denominator + _EPSILON))
    return 1.0 if denominator == 0 else 0.0


def _levels(prediction: Prediction) -> Int[np.ndarray, "height width"]:
    """0 to 255, cut; what is a level already stays one in spite of rounding."""
    levels: Int[np.ndarray, "height width"]
    levels = np.floor(prediction * (_LEVELS - 1) + 1e-9).astype(np.int64)
    return levels


def _reaching(levels: Int[np.ndarray, "..."]) -> Int[np.ndarray, "256"]:
    """How many pixels reach each level."""
    counts = np.bincount(levels.ravel(), minlength=_LEVELS)
    return np.asarray(np.cumsum(counts[::-1])[::-1])


def _alignment(
    hits: Int[np.ndarray, "256"], taken: Int[np.ndarray, "256"], mask: Mask
) -> Float[np.ndarray, "256"]:
    """The sum over pixels, which are of four kinds: on or off the mask, taken or not."""
    pixels, on = mask.size, int(mask.sum())
    mean_taken, mean_on = taken / pixels, on / pixels
    kinds = (
        (hits, 1, 1),
        (taken - hits, 1, 0),
        (on - hits, 0, 1),
        (pixels - taken - on + hits, 0, 0),
    )
    total = np.zeros(_LEVELS)
    for count, is_taken, is_on in kinds:
        first, second = is_taken - mean_taken, is_on - mean_on
        likeness = 2 * first * second / (first**2 + second**2 + _EPSILON)
        total += count * (likeness + 1) ** 2 / 4
    return total


def _weighted_errors(errors: Prediction, mask: Mask) -> Prediction:
    from scipy import ndimage

    distances, (rows, cols) = ndimage.distance_transform_edt(~mask, return_indices=True)
    # Beside the object, each pixel stands for the nearest one of the object.
    nearest = np.where(mask, errors, errors[rows, cols])
    smoothed = ndimage.convolve(nearest, _window(), mode="constant")
    dependent = np.where(mask, np.minimum(errors, smoothed), errors)
    importance = np.where(mask, 1.0, 2 - np.exp2(-distances / 5))
    weighted: Prediction = dependent * importance
    return weighted


def _window() -> Float[np.ndarray, "7 7"]:
    offsets = np.arange(-3, 4)
    across = np.exp(-(offsets**2) / (2 * 5.0**2))
    window = np.outer(across, across)
    return np.asarray(window / window.sum())


def _check(prediction: Prediction, mask: Mask) -> None:
    if prediction.shape != mask.shape:
        raise UsageError(
            f"the prediction is {prediction.shape}, the mask {mask.shape}; resize the prediction."
        )
    if not (prediction.min() >= 0 and prediction.max() <= 1):
        raise UsageError("predictions are from 0 to 1; bring them there with `stretched`.")
