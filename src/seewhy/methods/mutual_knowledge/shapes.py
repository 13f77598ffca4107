"""A simple shape around each part of an image: least-squares ellipses and others."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.contours import Borders, largest_borders
from seewhy.methods.mutual_knowledge.ellipses import (
    Ellipse,
    Places,
    fitted_ellipse,
    moments_ellipse,
)
from seewhy.methods.mutual_knowledge.protocols import Protocol

ShapeKind = Literal["ellipse", "moments", "box", "contour"]
Fit = Literal["ellipse", "moments", "circle", "box", "contour"]

LARGEST_RATIO = 4.0
"""How often an ellipse may hold its part before second moments are taken instead."""

_FEWEST_POINTS = 5


@dataclass(frozen=True)
class Box:
    """First and last column and row, all inside."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, eq=False)
class Contour:
    """The region itself, its holes filled."""

    inside: Bool[np.ndarray, "height width"]


@dataclass(frozen=True, eq=False)
class BoundedPart:
    """One label of one image, its pixels, and what is drawn around it.

    `fit` tells which rule gave the shape: not always the one that was asked for.
    """

    image: int
    label: int
    area: int
    shape: Ellipse | Box | Contour
    fit: Fit


@dataclass(frozen=True)
class SmallPart:
    """A label of an image with fewer pixels than were wanted."""

    image: int
    label: int
    area: int


@dataclass(frozen=True, eq=False)
class BoundedParts:
    """Parts by image and label, those that were left out, and (height, width) of the images."""

    parts: tuple[BoundedPart, ...]
    ignored: tuple[SmallPart, ...]
    size: tuple[int, int]

    @property
    def owners(self) -> Int[np.ndarray, " parts"]:
        """The image of each part."""
        return np.array([part.image for part in self.parts], dtype=np.int64)


@dataclass(frozen=True)
class Bounding:
    """How parts are bounded.

    `patch` is the side of the model's patches in pixels: a part needs `minimum_area` pixels, by
    default those of one patch. A region whose border has fewer than five points gets a circle at
    least as wide as a patch. An "ellipse" that is none (its region is a straight band), or is
    more than four times as large as its region, is replaced by that of the second moments.

    With "published" every part counts that has a pixel, and an ellipse stays however large it
    is. (The published code fills short borders up with random points; here they get the circle.)
    """

    patch: int
    kind: ShapeKind = "ellipse"
    minimum_area: int | None = None
    protocol: Protocol = "mended"

    def __post_init__(self) -> None:
        if self.patch < 1 or (self.minimum_area is not None and self.minimum_area < 1):
            raise UsageError(
                f"parts are bounded with a patch and a minimum area of at least one pixel; got "
                f"{self.patch} and {self.minimum_area}."
            )

    @property
    def fewest_pixels(self) -> int:
        """The area that a part needs."""
        if self.minimum_area is not None:
            return self.minimum_area
        return 1 if self.protocol == "published" else self.patch**2


def bounded_parts(labels: Int[np.ndarray, "batch height width"], how: Bounding) -> BoundedParts:
    """A shape around the largest connected region of each label; negative labels are background.

    Largest is what encloses most by its outer border; pixels that touch at a corner are connected
    and holes are filled. Images without parts have none in the result.
    """
    found = list(_areas(labels))
    kept = [part for part in found if part.area >= how.fewest_pixels]
    ignored = tuple(part for part in found if part.area < how.fewest_pixels)
    height, width = labels.shape[1:]
    masks = np.zeros((len(kept), height, width), dtype=bool)
    for row, part in enumerate(kept):
        masks[row] = labels[part.image] == part.label
    borders = largest_borders(masks)
    parts = tuple(
        BoundedPart(part.image, part.label, part.area, *_bounded(borders, row, how))
        for row, part in enumerate(kept)
    )
    return BoundedParts(parts, ignored, (height, width))


def _areas(labels: Int[np.ndarray, "batch height width"]) -> Iterator[SmallPart]:
    for image, grid in enumerate(labels):
        for label, area in zip(*np.unique(grid[grid >= 0], return_counts=True), strict=True):
            yield SmallPart(image, int(label), int(area))


def _bounded(borders: Borders, row: int, how: Bounding) -> tuple[Ellipse | Box | Contour, Fit]:
    inside = borders.inside[row]
    if how.kind == "contour":
        return Contour(inside), "contour"
    if how.kind == "box":
        rows, cols = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
        return Box(int(cols[0]), int(rows[0]), int(cols[-1]), int(rows[-1])), "box"
    visits = borders.visits[row]
    if visits.sum() < _FEWEST_POINTS:
        return _circle(inside, how.patch), "circle"
    if how.kind == "ellipse":
        ellipse = fitted_ellipse(_places(visits > 0), visits[visits > 0])
        if ellipse is not None and _is_allowed(ellipse, inside, how.protocol):
            return ellipse, "ellipse"
    return moments_ellipse(_places(inside)), "moments"


def _is_allowed(
    ellipse: Ellipse, inside: Bool[np.ndarray, "height width"], protocol: Protocol
) -> bool:
    return protocol == "published" or ellipse.area <= LARGEST_RATIO * int(inside.sum())


def _circle(inside: Bool[np.ndarray, "height width"], patch: int) -> Ellipse:
    x, y = _places(inside).mean(axis=0)
    across = 2 * max(patch / 2, float(np.sqrt(inside.sum() / np.pi)))
    return Ellipse((float(x), float(y)), (across, across), 0.0)


def _places(mask: Bool[np.ndarray, "height width"]) -> Places:
    """(x, y) of the pixels, in raster order."""
    rows, cols = np.nonzero(mask)
    return np.stack([cols, rows], axis=1).astype(np.float64)
