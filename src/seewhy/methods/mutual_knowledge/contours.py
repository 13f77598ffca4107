"""What the outermost borders of regions enclose, without following them: formulas."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

Masks = Bool[np.ndarray, "parts height width"]
Visits = Int[np.ndarray, "parts height width"]

_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))
_CROSS = ndimage.generate_binary_structure(2, 1)
_SQUARE = ndimage.generate_binary_structure(2, 2)


@dataclass(frozen=True, eq=False)
class Borders:
    """Of each part the connected region whose outer border encloses most.

    `inside` has its holes filled, and is empty where the part is. `visits` counts how often one
    comes through a pixel who walks once around the border: 0 off it, 2 or more where it is a
    pixel wide.
    """

    inside: Masks
    visits: Visits


def largest_borders(parts: Masks) -> Borders:
    """Pixels that touch at a corner are connected; of equal regions the first in raster order.

    What a border through pixel centres encloses follows from Pick's theorem: pixels inside or
    on it, less half of its steps, less one.
    """
    filled = without_holes(parts)
    visits = border_visits(filled)
    regions, count = ndimage.label(filled, _flat(_SQUARE))
    sizes = np.bincount(regions.ravel(), minlength=count + 1)
    steps = np.bincount(regions.ravel(), visits.ravel(), minlength=count + 1)
    chosen = _largest(regions, sizes - steps / 2)
    inside = (regions == chosen[:, None, None]) & filled
    return Borders(inside, np.where(inside, visits, 0))


def without_holes(parts: Masks) -> Masks:
    """The parts and all that they surround; a gap at a corner lets nothing out."""
    outside = np.pad(~parts, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    regions, _ = ndimage.label(outside, _flat(_CROSS))
    return np.asarray(regions != regions[:, :1, :1])[:, 1:-1, 1:-1]


def border_visits(filled: Masks) -> Visits:
    """How often a walk around each region comes through each pixel.

    Once for every run of outside pixels in the ring of eight neighbours that holds one of the
    four nearest; a lone pixel is visited once.
    """
    height, width = filled.shape[1:]
    padded = np.pad(filled, ((0, 0), (1, 1), (1, 1)))
    ring = [
        padded[:, 1 + down : 1 + down + height, 1 + across : 1 + across + width]
        for down, across in _AROUND
    ]
    # A run that holds one of the nearest ends there, or at the corner behind it.
    ends = [~ring[near] & (ring[(near + 1) % 8] | ring[(near + 2) % 8]) for near in (1, 3, 5, 7)]
    visits = np.sum(ends, axis=0)
    alone = ~np.any(ring, axis=0)
    return np.asarray(np.where(filled, visits + alone, 0))


def _largest(
    regions: Int[np.ndarray, "parts height width"], scores: Float[np.ndarray, " regions"]
) -> Int[np.ndarray, " parts"]:
    """The region of highest score in each part; -1 where there is none."""
    owners = np.full(len(scores), -1)
    owners[regions] = np.arange(len(regions))[:, None, None]
    order = np.lexsort((np.arange(len(scores)), -scores, owners))
    order = order[(order > 0) & (owners[order] >= 0)]
    found, first = np.unique(owners[order], return_index=True)
    chosen = np.full(len(regions), -1)
    chosen[found] = order[first]
    return chosen


def _flat(structure: Bool[np.ndarray, "3 3"]) -> Bool[np.ndarray, "3 3 3"]:
    """Neighbours within one part only."""
    nothing = np.zeros_like(structure)
    return np.stack([nothing, structure, nothing])
