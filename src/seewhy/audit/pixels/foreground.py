"""Where the main object is in a picture, estimated from the picture alone."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image
from scipy import ndimage

from seewhy.audit.pixels.centre import central_probability, colours_overlap
from seewhy.audit.pixels.marks import Colours, Mask, border_marks, colour_distances

_LONGEST = 128
_SMALLEST_SHARE, _LARGEST_SHARE = 0.005, 0.7
_PALETTE = 8
_PART = 0.25
_TIDY, _LARGE_PART = 12.0, 0.02
_BORDER_SHARE = 0.3
_OVERLAP = 0.7


@dataclass(frozen=True)
class Layers:
    """The parts of a picture; what is neither foreground nor mark is background."""

    foreground: Mask
    marks: Mask

    @property
    def background(self) -> Mask:
        """Neither the object nor a mark at the border."""
        return np.asarray(~(self.foreground | self.marks))


def separated(image: Image.Image) -> Layers:
    """The main object or objects and the marks, found on a copy of at most 128 pixels a side.

    What differs from the colours along the border is foreground. Where the border is too busy to
    tell, it is what is more frequent in the middle than around it. Holes through which the
    background is seen are left out. Nothing is foreground where nothing stands out, and where
    less than 0.5 % or more than 70 % of the picture would be.
    """
    scale = min(1.0, _LONGEST / max(image.size))
    width, height = (max(round(length * scale), 1) for length in image.size)
    small = image if scale == 1 else image.resize((width, height), Image.Resampling.BOX)
    colours = np.asarray(small, dtype=np.float32)
    marks = border_marks(colours)
    found = _outstanding(colours, marks)
    if not _SMALLEST_SHARE <= found.mean() <= _LARGEST_SHARE:
        found = np.zeros_like(found)
    return Layers(_enlarged(found, image.size), _enlarged(marks, image.size))


def _outstanding(colours: Colours, marks: Mask) -> Mask:
    """What differs from the border, or from the surroundings where the border is busy."""
    band = _border_band(marks)
    if not band.any():
        return np.zeros_like(marks)
    distance, scatter = _unlike_border(colours, band)
    lowest = 2.0 * scatter + 8
    threshold = np.clip(_otsu(distance[~marks]), lowest, max(2.0 * lowest, 30.0))
    found = _main_parts((distance > threshold) & ~marks, band)
    if scatter <= _TIDY or _largest_share(found) >= _LARGE_PART:
        return found
    probability = central_probability(colours)
    found = _main_parts((probability > 0.5) & ~marks, band)
    return found if colours_overlap(colours, found) < _OVERLAP else np.zeros_like(found)


def _unlike_border(colours: Colours, band: Mask) -> tuple[Float[np.ndarray, "height width"], float]:
    """Each pixel's distance to the nearest background colour, and how far those scatter."""
    palette = _palette(colours[band])
    nearest = _nearest(colours[band], palette)
    spread = _is_spread(band, nearest, len(palette))
    if not spread.any():
        return np.zeros_like(colours[:, :, 0]), np.inf
    distance = np.min([colour_distances(colours, colour) for colour in palette[spread]], axis=0)
    return distance, float(np.quantile(distance[band][spread[nearest]], 0.8))


def _border_band(marks: Mask) -> Mask:
    """The outermost sixteenth of the picture, or of what a frame leaves of it."""
    inside = np.zeros_like(marks)
    rows, cols = (np.flatnonzero((~marks).any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, cols[0], cols[-1] + 1
    width = max(min(marks.shape) // 16, 1)
    inside[top + width : bottom - width, left + width : right - width] = True
    return np.asarray(~inside & ~marks)


def _palette(colours: Float[np.ndarray, "pixels 3"]) -> Float[np.ndarray, "colours 3"]:
    """At most eight colours by k-means, begun with those farthest from each other."""
    centres = [np.median(colours, axis=0)]
    distance = colour_distances(colours, centres[0])
    for _ in range(_PALETTE - 1):
        if distance.max() < 20:
            break
        centres.append(colours[int(distance.argmax())])
        distance = np.minimum(distance, colour_distances(colours, centres[-1]))
    palette = np.stack(centres)
    for _ in range(4):
        nearest = _nearest(colours, palette)
        counts = np.bincount(nearest, minlength=len(palette))
        sums = np.stack([np.bincount(nearest, colours[:, c], len(palette)) for c in range(3)], 1)
        palette = (sums / np.maximum(counts, 1)[:, None])[counts > 0]
    return palette.astype(np.float32)


def _nearest(
    colours: Float[np.ndarray, "pixels 3"], palette: Float[np.ndarray, "colours 3"]
) -> Int[np.ndarray, " pixels"]:
    return np.asarray(np.argmin([colour_distances(colours, colour) for colour in palette], axis=0))


def _is_spread(
    border: Mask, nearest: Int[np.ndarray, " pixels"], colours: int
) -> Bool[np.ndarray, " colours"]:
    """Which border colours belong to the background: those not confined to one stretch of it."""
    height, width = border.shape
    rows, cols = np.nonzero(border)
    angle = np.arctan2((rows + 0.5) / height - 0.5, (cols + 0.5) / width - 0.5)
    sector = ((angle / (2 * np.pi) + 0.5) * 16).astype(int) % 16
    counts = np.zeros((colours, 16))
    np.add.at(counts, (nearest, sector), 1)
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    return np.asarray(((shares > 0.04).sum(axis=1) >= 5) | (counts.sum(axis=1) > 0.25 * len(rows)))


def _otsu(values: Float[np.ndarray, " values"]) -> float:
    """The threshold that separates two classes best. Source: Otsu, 1979."""
    counts, edges = np.histogram(values, bins=64)
    middles = (edges[1:] + edges[:-1]) / 2
    below = counts.cumsum()
    above = below[-1] - below
    sums = (counts * middles).cumsum()
    between = (sums[-1] * below / below[-1] - sums) ** 2 / np.maximum(below * above, 1)
    return float(edges[1 + int(between[:-1].argmax())])


def _main_parts(differs: Mask, band: Mask) -> Mask:
    """The largest connected parts off the border, smoothed, with small holes filled."""
    smooth = ndimage.uniform_filter(differs.astype(np.float32), 3, mode="nearest") > 0.5
    closed = _filled(smooth | (differs & ndimage.binary_dilation(smooth)))
    labels, count = ndimage.label(closed, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[np.bincount(labels[band], minlength=count + 1) > _BORDER_SHARE * band.sum()] = 0
    sizes[0] = 0
    if not sizes.any():
        return np.zeros_like(closed)
    return np.asarray((sizes >= _PART * sizes.max())[labels])


def _largest_share(mask: Mask) -> float:
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    return float(np.bincount(labels.ravel())[1:].max(initial=0) / mask.size)


def _filled(mask: Mask) -> Mask:
    """With holes filled that are smaller than a twentieth of the mask."""
    labels, _ = ndimage.label(~mask)
    sizes = np.bincount(labels.ravel())
    outer = np.unique(np.concatenate([labels[[0, -1]].ravel(), labels[:, [0, -1]].ravel()]))
    small = sizes < 0.05 * mask.sum()
    small[outer] = False
    return np.asarray(mask | (small[labels] & ~mask))


def _enlarged(mask: Mask, size: tuple[int, int]) -> Bool[np.ndarray, "large_height large_width"]:
    if mask.shape == (size[1], size[0]):
        return mask
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR)) >= 128
