"""The object of a picture, or another silhouette made of it, put on the picture's background."""

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from seewhy.audit.pixels.continuation import Pixels, continued
from seewhy.audit.pixels.cutouts import Cutout, Place, luminance, sampled_colours
from seewhy.audit.pixels.marks import Mask, colour_distances

Outline = Bool[np.ndarray, "outline_height outline_width"]
Window = tuple[slice, slice]
"""Rows and columns of a picture."""

_SAME_SHADE = 25.0
_REST = 0.05


def pasted(parts: Cutout, factor: float, centre: Place) -> Image.Image:
    """The object scaled and centred there, moved inwards and kept within the picture."""
    height, width = parts.extents
    window = fitting_window(parts, (height * factor, width * factor), centre)
    cut = Image.fromarray(parts.pixels[parts.box])
    paint = np.asarray(cut.resize(_width_and_height(window), Image.Resampling.BILINEAR))
    return _stamped(parts, _ink(parts, parts.object[parts.box], window), paint, window=window)


def reshaped(parts: Cutout, outline: Outline, size: Place) -> Image.Image:
    """Another outline in place of the object's, filled with what the object is made of.

    `size` is the outline's height and width, as shares of the picture's.
    """
    window = fitting_window(parts, size, parts.centre)
    ink = _ink(parts, outline, window)
    hole = np.zeros_like(parts.object)
    hole[window] = ink
    paint = continued(parts.pixels, hole & ~parts.core, parts.core)[window]
    return _stamped(parts, ink, paint, window=window)


def resized(parts: Cutout, factor: float) -> Image.Image:
    """The object larger or smaller in its place; one of two shades keeps its texture's scale."""
    if not has_two_shades(sampled_colours(parts.pixels, parts.core)):
        return pasted(parts, factor, parts.centre)
    height, width = parts.extents
    return reshaped(parts, parts.object[parts.box], (height * factor, width * factor))


def has_two_shades(colours: Float[np.ndarray, "pixels 3"]) -> bool:
    """Whether all but a twentieth of the colours are close to one or two."""
    brightness = luminance(colours)
    is_bright = brightness >= (brightness.min() + brightness.max()) / 2
    means = [colours[each].mean(axis=0) for each in (is_bright, ~is_bright) if each.any()]
    nearest = np.min([colour_distances(colours, mean) for mean in means], axis=0)
    return bool((nearest > _SAME_SHADE).mean() < _REST)


def fitting_window(parts: Cutout, size: Place, centre: Place) -> Window:
    """A window of this size around a place, moved inwards, shrunk where it would not fit.

    All lengths are shares of the picture's; height and width shrink alike.
    """
    shrink = min(1.0, *(1 / max(share, 1e-9) for share in size))
    spans = []
    for share, middle, whole in zip(size, centre, parts.object.shape, strict=True):
        length = min(max(round(share * shrink * whole), 1), whole)
        start = int(np.clip(round(middle * whole - length / 2), 0, whole - length))
        spans.append(slice(start, start + length))
    return spans[0], spans[1]


def _ink(parts: Cutout, outline: Outline, window: Window) -> Mask:
    """The outline stretched to the window, without marks."""
    picture = Image.fromarray(outline.astype(np.uint8) * 255)
    stretched = picture.resize(_width_and_height(window), Image.Resampling.BILINEAR)
    return np.asarray((np.asarray(stretched) >= 128) & ~parts.marks[window])


def _stamped(parts: Cutout, ink: Mask, paint: Pixels, *, window: Window) -> Image.Image:
    """The background with paint in the window where the ink is."""
    pixels = parts.backdrop.copy()
    pixels[window][ink] = paint[ink]
    return Image.fromarray(pixels)


def _width_and_height(window: Window) -> tuple[int, int]:
    rows, cols = window
    return cols.stop - cols.start, rows.stop - rows.start
