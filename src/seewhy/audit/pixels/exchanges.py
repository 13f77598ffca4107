"""Changes that give an image one attribute of another image of the same kind."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from seewhy.audit.pixels.borders import clean_border, marked
from seewhy.audit.pixels.cutouts import Layer, taken_apart
from seewhy.audit.pixels.donors import Donor, Shades, at_most, read_donors, shaded, shades_of
from seewhy.audit.pixels.interventions import Intervention
from seewhy.audit.pixels.marks import Mask
from seewhy.audit.pixels.pasting import pasted, reshaped, resized
from seewhy.data.records import ImageRecord

_LONGEST = 1024

Exchange = Callable[[Image.Image, Donor], Image.Image]
"""A change of an image by what another one has; both have an object and a background."""


def exchange_colour(image: Image.Image, donor: Donor, *, layer: Layer) -> Image.Image:
    """A layer in the main colour of the donor's; its own shades stay."""
    own = Donor(image)
    shades = shades_of(own.parts.pixels, own.colours[layer])
    return _painted(own, layer, shaded(shades, donor.colours[layer]))


def exchange_texture(image: Image.Image, donor: Donor, *, layer: Layer) -> Image.Image:
    """A layer with the shades of the donor's; its main colour stays."""
    own = Donor(image)
    shades = _stretched(donor.shades[layer], image.size)
    return _painted(own, layer, shaded(shades, own.colours[layer]))


def exchange_size(image: Image.Image, donor: Donor) -> Image.Image:
    """The object as large as the donor's as far as it fits, its centre kept where it can be."""
    own = taken_apart(image)
    return resized(own, donor.parts.extent / own.extent)


def exchange_position(image: Image.Image, donor: Donor) -> Image.Image:
    """The object where the donor's is."""
    return pasted(taken_apart(image), 1.0, donor.parts.centre)


def exchange_outline(image: Image.Image, donor: Donor) -> Image.Image:
    """The donor's silhouette, as large as the object and in its place, made of what it was."""
    own, other = taken_apart(image), donor.parts
    height, width = other.extents
    scale = own.extent / other.extent
    return reshaped(own, other.object[other.box], (height * scale, width * scale))


def exchange_border(image: Image.Image, donor: Donor) -> Image.Image:
    """The donor's marks at the border, or none, in place of its own."""
    own = taken_apart(image)
    marks = _fitted(donor.parts.marks, image.size)
    if np.array_equal(own.marks, marks):
        return image
    return marked(clean_border(own) if own.marks.any() else image, marks)


EXCHANGES: dict[str, tuple[str, Exchange]] = {
    "other object colour": (
        "the object takes the colour of another image's",
        partial(exchange_colour, layer="object"),
    ),
    "other object texture": (
        "the object takes the texture of another image's",
        partial(exchange_texture, layer="object"),
    ),
    "other outline": ("the object takes the outline of another image's", exchange_outline),
    "other size": ("the object becomes as large as another image's", exchange_size),
    "other position": ("the object moves to where another image's is", exchange_position),
    "other background colour": (
        "the background takes the colour of another image's",
        partial(exchange_colour, layer="background"),
    ),
    "other background texture": (
        "the background takes the texture of another image's",
        partial(exchange_texture, layer="background"),
    ),
    "other border": ("frames and marks are those of another image", exchange_border),
}


@dataclass(frozen=True)
class Exchanged:
    """A change that draws its donor at random among some images."""

    change: Exchange
    donors: tuple[Donor, ...]

    def __call__(self, image: Image.Image, generator: np.random.Generator) -> Image.Image:
        """The image with an attribute of a random donor; as it is where either has no object.

        Worked out on at most 1024 pixels a side; what is larger loses its finest detail.
        """
        donor = self.donors[int(generator.integers(len(self.donors)))]
        smaller = at_most(image, _LONGEST)
        if not (donor.parts.has_both and taken_apart(smaller).has_both):
            return image
        changed = self.change(smaller, donor)
        return changed if changed.size == image.size else changed.resize(image.size)


def exchanges(records: Sequence[ImageRecord], *, seed: int) -> tuple[Intervention, ...]:
    """All exchanges between at most 48 of the images; none without two that can be read."""
    donors = read_donors(records, seed=seed)
    if len(donors) < 2:
        return ()
    digest = hashlib.sha256(b"".join(donor.image.tobytes() for donor in donors)).hexdigest()
    return tuple(
        Intervention(name, sentence, Exchanged(change, donors), facts=digest)
        for name, (sentence, change) in EXCHANGES.items()
    )


def _painted(own: Donor, layer: Layer, paint: Float[np.ndarray, "height width 3"]) -> Image.Image:
    mask = own.parts.object if layer == "object" else own.parts.background
    painted = np.clip(np.round(paint), 0, 255).astype(np.uint8)
    return Image.fromarray(np.where(mask[:, :, None], painted, own.parts.pixels))


def _stretched(
    shades: Shades, size: tuple[int, int]
) -> Float[np.ndarray, "other_height other_width"]:
    picture = Image.fromarray(shades.astype(np.float32))
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))


def _fitted(mask: Mask, size: tuple[int, int]) -> Bool[np.ndarray, "other_height other_width"]:
    picture = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(picture.resize(size, Image.Resampling.NEAREST)) >= 128
