"""Frames and corner marks of a picture, removed or put on."""

import numpy as np
from PIL import Image

from seewhy.audit.pixels.continuation import repeated
from seewhy.audit.pixels.cutouts import Cutout, luminance
from seewhy.audit.pixels.marks import Mask

_LIGHT, _DARK = 240, 15


def clean_border(parts: Cutout) -> Image.Image:
    """The outermost eighth repainted from what is inside it, repeated or mirrored.

    The object stays.
    """
    width = parts.side // 8
    if width == 0:
        return Image.fromarray(parts.pixels)
    band = border(parts.object.shape, width)
    source = parts.background & ~parts.wide & ~band
    inner = parts.backdrop[width:-width, width:-width]
    mirrored = np.pad(inner, ((width, width), (width, width), (0, 0)), mode="symmetric")
    filled, left = repeated(parts.pixels, band & ~parts.object, source)
    filled[left] = mirrored[left]
    return Image.fromarray(filled)


def border(shape: tuple[int, ...], width: int) -> Mask:
    """The outermost pixels, this many deep."""
    band = np.ones(shape, dtype=bool)
    band[width:-width, width:-width] = False
    return band


def marked(image: Image.Image, marks: Mask) -> Image.Image:
    """The marks almost white or almost black, whichever is farther from what is there."""
    if not marks.any():
        return image
    pixels = np.asarray(image).copy()
    is_dark = luminance(pixels[marks].astype(np.float32)).mean() < 128
    pixels[marks] = _LIGHT if is_dark else _DARK
    return Image.fromarray(pixels)
