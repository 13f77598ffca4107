"""Shapes as pixels: what lies within each, and the line around it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from PIL import Image, ImageDraw
from scipy import ndimage

from seewhy.methods.mutual_knowledge.contours import border_visits
from seewhy.methods.mutual_knowledge.ellipses import Ellipse
from seewhy.methods.mutual_knowledge.shapes import BoundedParts, Box, Contour

Mask = Bool[np.ndarray, "height width"]

_CORNERS = 72


@dataclass(frozen=True, eq=False)
class Drawings:
    """Within each shape, its line included, and its line alone; both may be cut by the border.

    `owners` are the images that the parts belong to, ascending.
    """

    filled: Bool[np.ndarray, "parts height width"]
    outlines: Bool[np.ndarray, "parts height width"]
    owners: Int[np.ndarray, " parts"]

    def some(self, start: int, stop: int) -> "Drawings":
        """Those of a range of the parts."""
        chosen = slice(start, stop)
        return Drawings(self.filled[chosen], self.outlines[chosen], self.owners[chosen])


def drawn(bounded: BoundedParts, *, thickness: int = 1) -> Drawings:
    """Every part's shape in an image of its size; lines are `thickness` pixels, published 1.

    An ellipse is a polygon of 72 corners on whole pixels, so its line may lie a pixel beside
    that of another routine.
    """
    pairs = [_drawn(part.shape, bounded.size) for part in bounded.parts]
    shape = (len(pairs), *bounded.size)
    filled = np.array([inside for inside, _ in pairs], dtype=bool).reshape(shape)
    lines = np.array([line for _, line in pairs], dtype=bool).reshape(shape)
    if thickness > 1:
        lines = ndimage.maximum_filter(lines, size=(1, thickness, thickness))
    return Drawings(filled | lines, lines, bounded.owners)


def _drawn(shape: Ellipse | Box | Contour, size: tuple[int, int]) -> tuple[Mask, Mask]:
    match shape:
        case Contour(inside=inside):
            return inside, border_visits(inside[None])[0] > 0
        case Box(left=left, top=top, right=right, bottom=bottom):
            corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        case Ellipse():
            whole = np.floor(shape.points(_CORNERS) + 0.5).astype(int)
            corners = [(int(x), int(y)) for x, y in whole]
    inside = _polygon(corners, size, is_filled=True)
    return inside, _polygon(corners, size, is_filled=False)


def _polygon(corners: list[tuple[int, int]], size: tuple[int, int], *, is_filled: bool) -> Mask:
    height, width = size
    canvas = Image.new("L", (width, height))
    brush = ImageDraw.Draw(canvas)
    if is_filled:
        brush.polygon(corners, fill=1)
    # A polygon of one pixel or row has no inside of its own.
    brush.line([*corners, corners[0]], fill=1)
    return np.asarray(canvas) > 0
