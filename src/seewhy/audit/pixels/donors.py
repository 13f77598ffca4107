"""Images that others take attributes from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from PIL import Image
from scipy import ndimage

from seewhy.audit.pixels.continuation import Pixels, continued
from seewhy.audit.pixels.cutouts import Colour, Cutout, Layer, luminance, main_colour, taken_apart
from seewhy.audit.pixels.marks import Mask
from seewhy.base.errors import DataError
from seewhy.data.records import ImageRecord

DONORS = 48
_LONGEST = 384
_DARK = 20.0

Shades = Float[np.ndarray, "height width"]


@dataclass(frozen=True)
class Donor:
    """An image that others take attributes from, and what they can take.

    What has been worked out is kept, but does not travel to other processes.
    """

    image: Image.Image

    def __getstate__(self) -> dict[str, Image.Image]:
        return {"image": self.image}

    @cached_property
    def parts(self) -> Cutout:
        """The image taken apart."""
        return taken_apart(self.image)

    @cached_property
    def colours(self) -> dict[Layer, Colour]:
        """The main colour of each layer."""
        return {
            "object": main_colour(self.parts.pixels, self.parts.core),
            "background": main_colour(self.parts.pixels, self.parts.behind),
        }

    @cached_property
    def shades(self) -> dict[Layer, Shades]:
        """Each layer's shades continued over the whole picture, about 1 where it is brightest."""
        return {"object": self._shades("object"), "background": self._shades("background")}

    def _shades(self, layer: Layer) -> Shades:
        source = self.parts.core if layer == "object" else self.parts.behind
        return shades_of(spread(self.parts.pixels, source), self.colours[layer])


def read_donors(records: Sequence[ImageRecord], *, seed: int) -> tuple[Donor, ...]:
    """At most 48 images in random order, those that cannot be read left out.

    Longer sides than 384 pixels are reduced to that.
    """
    order = np.random.default_rng([seed, 0xD0]).permutation(len(records))
    donors: list[Donor] = []
    for row in order[: 2 * DONORS]:
        try:
            image = records[row].read()
        except DataError:
            continue
        donors.append(Donor(at_most(image, _LONGEST)))
        if len(donors) == DONORS:
            break
    return tuple(donors)


def spread(pixels: Pixels, source: Mask) -> Pixels:
    """The texture of `source`, which is not empty, continued over the whole picture.

    Outwards in rounds, each twice as wide and high: a small source cannot fill it in one.
    """
    while not source.all():
        wider = source.copy()
        wider[_twice(source)] = True
        pixels = continued(pixels, wider & ~source, source)
        source = wider
    return pixels


def _twice(mask: Mask) -> tuple[slice, ...]:
    """The box around a mask and half as much on either side."""
    (box,) = ndimage.find_objects(mask.view(np.uint8))
    margins = [(span.stop - span.start + 1) // 2 for span in box]
    return tuple(
        slice(max(span.start - margin, 0), span.stop + margin)
        for span, margin in zip(box, margins, strict=True)
    )


def at_most(image: Image.Image, side: int) -> Image.Image:
    """The image, or a smaller copy whose longer side is this many pixels."""
    if max(image.size) <= side:
        return image
    smaller = image.copy()
    smaller.thumbnail((side, side))
    return smaller


def shades_of(pixels: Pixels, colour: Colour) -> Shades:
    """Brightness of each pixel as a share of a colour's, at most 1.5.

    Where the colour is dark, both count as brighter by the same offset.
    """
    offset = dark_offset(colour)
    brightness = luminance(pixels.astype(np.float32)) + offset
    return np.asarray(np.minimum(brightness / (luminance(colour) + offset), 1.5))


def shaded(shades: Shades, colour: Colour) -> Float[np.ndarray, "height width 3"]:
    """A colour in these shades, the inverse of `shades_of` for the greys of one hue."""
    offset = dark_offset(colour)
    return np.asarray((colour + offset) * shades[:, :, None] - offset)


def dark_offset(colour: Colour) -> float:
    """20 for black, falling to 0 at a brightness of 40."""
    return float(np.clip(2 * _DARK - luminance(colour), 0, _DARK))
