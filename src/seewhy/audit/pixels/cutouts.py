"""A picture taken apart into its object, its background and its marks, once for all changes."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float
from PIL import Image
from scipy import ndimage

from seewhy.audit.pixels.continuation import Pixels, continued
from seewhy.audit.pixels.foreground import separated
from seewhy.audit.pixels.marks import Mask

Layer = Literal["object", "background"]
Colour = Float[np.ndarray, " 3"]
Place = tuple[float, float]
"""Two lengths as shares of a picture's height and width."""

_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class Cutout:
    """A picture and its parts; every pixel is in exactly one of the three masks."""

    pixels: Pixels
    object: Mask
    background: Mask
    marks: Mask

    @property
    def side(self) -> int:
        """The shorter side."""
        height, width = self.object.shape
        return int(min(height, width))

    @property
    def has_both(self) -> bool:
        """Whether there is an object and a background."""
        return bool(self.object.any() and self.background.any())

    @cached_property
    def box(self) -> tuple[slice, slice]:
        """The rows and columns of the object, which there has to be."""
        rows, cols = ndimage.find_objects(self.object.astype(np.uint8))[0]
        return rows, cols

    @property
    def extents(self) -> Place:
        """Height and width of the object's box."""
        (rows, cols), (height, width) = self.box, self.object.shape
        return (rows.stop - rows.start) / height, (cols.stop - cols.start) / width

    @property
    def extent(self) -> float:
        """Geometric mean of the object's height and width, as a share of the picture's."""
        height, width = self.extents
        return float(np.sqrt(height * width))

    @property
    def centre(self) -> Place:
        """The middle of the object's box."""
        (rows, cols), (height, width) = self.box, self.object.shape
        return (rows.start + rows.stop) / 2 / height, (cols.start + cols.stop) / 2 / width

    @cached_property
    def wide(self) -> Mask:
        """The object and the rim where its colours mix with the background's."""
        return np.asarray(widened(self.object, max(round(self.side / 64), 1)) & ~self.marks)

    @cached_property
    def backdrop(self) -> Pixels:
        """The picture without its object, the background continued where it was."""
        return continued(self.pixels, self.wide, self.background & ~self.wide)

    @cached_property
    def behind(self) -> Mask:
        """The background without the object's rim, where anything would be left."""
        inner = self.background & ~self.wide
        return inner if inner.any() else self.background

    @cached_property
    def core(self) -> Mask:
        """The object without its rim, where anything would be left."""
        return _core(self.object, self.side)


def taken_apart(image: Image.Image) -> Cutout:
    """The parts of an image; those of the last few images are kept."""
    return _taken_apart(image.tobytes(), image.size)


@lru_cache(maxsize=2)
def _taken_apart(data: bytes, size: tuple[int, int]) -> Cutout:
    image = Image.frombytes("RGB", size, data)
    layers = separated(image)
    return Cutout(np.asarray(image), layers.foreground, layers.background, layers.marks)


def widened(mask: Mask, width: int) -> Mask:
    """The mask and what lies within a square of this half-width around it."""
    return np.asarray(ndimage.maximum_filter(mask.view(np.uint8), 2 * width + 1)).astype(bool)


def _core(mask: Mask, side: int) -> Mask:
    width = max(round(side / 64), 1)
    inner = np.asarray(ndimage.minimum_filter(mask.view(np.uint8), 2 * width + 1)).astype(bool)
    return inner if inner.sum() >= 0.2 * mask.sum() else mask


def luminance(colours: Float[np.ndarray, "*places 3"]) -> Float[np.ndarray, "*places"]:
    """Perceived brightness, in the units of the colours."""
    return np.asarray(colours @ _LUMINANCE)


def sampled_colours(pixels: Pixels, mask: Mask) -> Float[np.ndarray, "pixels 3"]:
    """Colours of what the mask covers, of a grid of pixels where it is large."""
    step = max(min(mask.shape) // 128, 1)
    coarse = mask[::step, ::step]
    if coarse.sum() < 100:
        return np.asarray(pixels[mask], dtype=np.float32)
    return np.asarray(pixels[::step, ::step][coarse], dtype=np.float32)


def main_colour(pixels: Pixels, mask: Mask) -> Colour:
    """The bright shade of what the mask covers: of two shades the brighter one."""
    colours = sampled_colours(pixels, mask)
    brightness = luminance(colours)
    low, high = np.quantile(brightness, [0.7, 0.95])
    bright = colours[(brightness >= low) & (brightness <= high)]
    return np.asarray((bright if len(bright) else colours).mean(axis=0))
