"""The object in a picture with a busy border: what the middle has more of than its surroundings."""

import numpy as np
from jaxtyping import Float, Int
from scipy import ndimage

from seewhy.audit.pixels.marks import Colours, Mask

Plane = Float[np.ndarray, "height width"]

_BINS = 12
_STEPS = 4
_WIDTH = 0.45


def central_probability(colours: Colours) -> Plane:
    """How likely each pixel is foreground: colour histograms and place estimated in turn.

    Begins with a Gaussian in the middle. Source: the alternation of GrabCut, Rother et al., 2004,
    with histograms instead of mixtures and smoothing instead of a graph cut.
    """
    bins, prior = _colour_bins(colours), _central_prior(colours.shape[:2])
    width = max(colours.shape[:2]) / 85
    probability = place = prior
    for _ in range(_STEPS):
        inside, outside = (_frequencies(bins, each) for each in (probability, 1 - probability))
        ratio = ndimage.gaussian_filter(inside / (inside + outside), width)
        odds = place * ratio
        probability = odds / (odds + (1 - place) * (1 - ratio))
        around = ndimage.gaussian_filter(probability, 2.7 * width)
        place = np.clip((prior + around) / 2, 0.02, 0.95)
    return np.asarray(probability)


def colours_overlap(colours: Colours, mask: Mask) -> float:
    """What the colour histograms inside and outside of a mask share: 0 nothing, 1 all."""
    bins = _colour_bins(colours).ravel()
    weights = mask.ravel().astype(np.float64)
    inside, outside = (_histogram(bins, each, width=0.7) for each in (weights, 1 - weights))
    return float(np.minimum(inside, outside).sum())


def _colour_bins(colours: Colours) -> Int[np.ndarray, "height width"]:
    levels = np.minimum((colours * (_BINS / 256)).astype(int), _BINS - 1)
    return np.asarray((levels[:, :, 0] * _BINS + levels[:, :, 1]) * _BINS + levels[:, :, 2])


def _central_prior(shape: tuple[int, ...]) -> Plane:
    """A Gaussian that falls to nothing along the border."""
    down, across = ((np.arange(length) + 0.5) / length * 2 - 1 for length in shape)
    bell = np.exp(-(down[:, None] ** 2 + across[None] ** 2) / (2 * _WIDTH**2))
    edge = 1 - np.maximum(np.abs(down)[:, None], np.abs(across)[None])
    return np.asarray(np.clip(0.8 * bell * np.minimum(edge / 0.15, 1), 0.02, 0.95))


def _frequencies(bins: Int[np.ndarray, "height width"], weights: Plane) -> Plane:
    """How frequent each pixel's colour is among weighted pixels."""
    return np.asarray(_histogram(bins.ravel(), weights.ravel(), width=1.0)[bins] + 1e-4 / _BINS**3)


def _histogram(
    bins: Int[np.ndarray, " pixels"], weights: Float[np.ndarray, " pixels"], *, width: float
) -> Float[np.ndarray, " bins"]:
    counts = np.bincount(bins, weights, _BINS**3).reshape(_BINS, _BINS, _BINS)
    smooth = ndimage.gaussian_filter(counts, width).ravel()
    return np.asarray(smooth / max(smooth.sum(), 1e-9))
