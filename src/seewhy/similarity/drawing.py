"""Two images side by side with their maps, their regions outlined, and lines between them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw
from scipy import ndimage

from seewhy.models.preprocessing import Placement
from seewhy.results.overlay import overlay

AnyPicture = UInt8[np.ndarray, "_ _ 3"]
Mask = Bool[np.ndarray, "_ _"]
Point = tuple[float, float]

HEIGHT = 384
"""Of each picture, in pixels."""

FULL = 0.02
"""The share of a map's pixels that have full colour."""

_WIDEST = 3 * HEIGHT
_GAP = 36
_PAPER = (246, 247, 249)
_INK, _HALO = (255, 214, 10), (20, 22, 26)
_FAINT = (90, 200, 250)


@dataclass(frozen=True, eq=False)
class Side:
    """One image of a pair as it is drawn: the map over it, its region, and what is marked.

    `counterpart` is the pixel of this picture that is most like the other's region.
    """

    picture: AnyPicture
    values: Float[np.ndarray, "_ _"]
    mask: Mask | None = None
    peak: tuple[int, int] | None = None
    counterpart: tuple[int, int] | None = None


def shown_image(image: Image.Image) -> AnyPicture:
    """The image at the height of a picture, or less where it is very wide; enlarged if small."""
    scale = min(HEIGHT / image.height, _WIDEST / image.width)
    size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    small = scale > 1
    return np.asarray(
        image.convert("RGB").resize(
            size, Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
        )
    )


def over_picture(placement: Placement, shown: AnyPicture) -> Placement:
    """Where the encoder's input lies in a picture of the image."""
    return replace(placement, image=(shown.shape[0], shown.shape[1]))


def side_by_side(first: AnyPicture, second: AnyPicture) -> AnyPicture:
    """Both on paper, with a gap."""
    return np.asarray(_sheet(first, second))


def linked(first: Side, second: Side) -> AnyPicture:
    """Both with their maps; regions outlined and joined, dashes from regions to counterparts.

    Each map has its own colours: full red and full blue stand for the absolute value that 2 % of
    its pixels exceed, so that a map of single pixels shows more than its highest one.
    """
    drawn = [
        outlined(overlay(side.picture, side.values, scale=_full(side.values)), side.mask)
        for side in (first, second)
    ]
    sheet = _sheet(*drawn)
    shift = drawn[0].shape[1] + _GAP
    brush = ImageDraw.Draw(sheet)
    starts = [None if first.peak is None else _moved(first.peak, 0)]
    starts.append(None if second.peak is None else _moved(second.peak, shift))
    ends = [None if second.counterpart is None else _moved(second.counterpart, shift)]
    ends.append(None if first.counterpart is None else _moved(first.counterpart, 0))
    for start, end in zip(starts, ends, strict=True):
        if start is not None and end is not None:
            _dashes(brush, start, end)
            _ring(brush, end)
    if starts[0] is not None and starts[1] is not None:
        brush.line([*starts[0], *starts[1]], fill=_HALO, width=5)
        brush.line([*starts[0], *starts[1]], fill=_INK, width=3)
    for start in starts:
        if start is not None:
            _dot(brush, start)
    return np.asarray(sheet)


def _full(values: Float[np.ndarray, "_ _"]) -> float:
    """0 where hardly any pixel has a value, which stands for the largest one."""
    return float(np.quantile(np.abs(np.nan_to_num(values)), 1 - FULL))


def _sheet(first: AnyPicture, second: AnyPicture) -> Image.Image:
    height = max(first.shape[0], second.shape[0])
    sheet = Image.new("RGB", (first.shape[1] + _GAP + second.shape[1], height), _PAPER)
    sheet.paste(Image.fromarray(first), (0, 0))
    sheet.paste(Image.fromarray(second), (first.shape[1] + _GAP, 0))
    return sheet


def outlined(shown: AnyPicture, mask: Mask | None) -> AnyPicture:
    """A bright line just outside the region on a dark one."""
    if mask is None:
        return shown
    inner, outer = (ndimage.binary_dilation(mask, iterations=width) for width in (3, 5))
    drawn = shown.copy()
    drawn[outer & ~mask] = _HALO
    drawn[inner & ~mask] = _INK
    return drawn


def _moved(at: tuple[int, int], shift: int) -> Point:
    return at[0] + 0.5 + shift, at[1] + 0.5


def _dot(brush: ImageDraw.ImageDraw, at: Point) -> None:
    brush.circle(at, radius=6, fill=_INK, outline=_HALO, width=2)


def _ring(brush: ImageDraw.ImageDraw, at: Point) -> None:
    brush.circle(at, radius=10, outline=_HALO, width=5)
    brush.circle(at, radius=9, outline=_FAINT, width=3)


def _dashes(brush: ImageDraw.ImageDraw, start: Point, end: Point, *, length: float = 10) -> None:
    ends = np.array([start, end])
    pieces = max(int(np.hypot(*(ends[1] - ends[0])) / length), 1)
    cuts: Sequence[list[float]] = np.linspace(ends[0], ends[1], pieces + 1).tolist()
    for here, there in zip(cuts[::2], cuts[1::2], strict=False):
        brush.line([*here, *there], fill=_HALO, width=4)
        brush.line([*here, *there], fill=_FAINT, width=2)
