"""The region that a map points at most, and what in the other image is most like it."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage

from seewhy.methods.pairs.counterparts import CellMaps, likeness
from seewhy.models.placed_maps import cells_under, over_image
from seewhy.models.preprocessing import Placement
from seewhy.similarity.entries import Counterpart, Place, Region

Values = Float[np.ndarray, "_ _"]
Mask = Bool[np.ndarray, "_ _"]
Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Peak:
    """The highest pixel (x, y) of a map over a picture, and the region around it."""

    at: tuple[int, int]
    mask: Mask

    def region(self, size: Size) -> Region:
        """The same in pixels of the image of (width, height) that the picture shows."""
        rows, cols = (np.flatnonzero(self.mask.any(axis=axis)) for axis in (1, 0))
        height, width = self.mask.shape
        down, across = size[1] / height, size[0] / width
        return Region(
            peak=place_in(self.at, self.mask.shape, size),
            left=round(int(cols[0]) * across),
            top=round(int(rows[0]) * down),
            right=round(int(cols[-1] + 1) * across),
            bottom=round(int(rows[-1] + 1) * down),
            share=float(self.mask.mean()),
        )


def peak_of(values: Values, *, share: float) -> Peak | None:
    """The connected part around the highest pixel of those that are among the highest `share`.

    Pixels that tie with the last of them count too, but never the lowest. None for a map that is
    the same everywhere; NaN is not looked at.
    """
    known = values[~np.isnan(values)]
    if not known.size or known.min() == known.max():
        return None
    wanted = max(round(share * known.size), 1)
    level = np.partition(known, known.size - wanted)[known.size - wanted]
    filled = np.nan_to_num(values, nan=-np.inf)
    row, col = np.unravel_index(int(filled.argmax()), values.shape)
    parts, _ = ndimage.label((filled >= level) & (filled > known.min()))
    return Peak((int(col), int(row)), parts == parts[row, col])


@dataclass(frozen=True, eq=False)
class View:
    """An image as the encoder sees it: its inner maps, where they lie, and the image's own size."""

    maps: CellMaps
    placement: Placement
    size: Size


@dataclass(frozen=True)
class Found:
    """A counterpart, and its pixel in the picture."""

    at: tuple[int, int]
    counterpart: Counterpart


def counterpart_of(mask: Mask, view: View, other: View) -> Found:
    """Where `other` is most like a region of `view`; both placements are those of the pictures."""
    grid = (view.maps.shape[1], view.maps.shape[2])
    weights = cells_under(torch.from_numpy(mask), grid, view.placement)
    like = likeness(view.maps, other.maps, weights=weights)
    shown = np.nan_to_num(over_image(like, other.placement).numpy(), nan=-np.inf)
    row, col = np.unravel_index(int(shown.argmax()), shown.shape)
    at = (int(col), int(row))
    return Found(
        at,
        Counterpart(place=place_in(at, shown.shape, other.size), likeness=float(shown[row, col])),
    )


def place_in(at: tuple[int, int], shape: tuple[int, ...], size: Size) -> Place:
    """A pixel of a picture as one of the image of (width, height) that it shows."""
    (x, y), (height, width) = at, shape
    return Place(x=int((x + 0.5) * size[0] / width), y=int((y + 0.5) * size[1] / height))
