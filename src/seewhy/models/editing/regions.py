"""Regions of an image cut out, each seen by an encoder as if it were a picture of its own."""

from collections.abc import Sequence

from PIL import Image

from seewhy.base.errors import UsageError

Box = tuple[float, float, float, float]

_SMALLEST = 1e-3


def checked_box(box: Sequence[float]) -> Box:
    """Left, top, right and bottom as fractions, cut to the image.

    Raises `UsageError` for other numbers, and for a box of which nothing is left.
    """
    left, top, right, bottom = (
        (min(max(float(edge), 0.0), 1.0) for edge in box) if len(box) == 4 else (0.0,) * 4
    )
    # Comparisons with a number that is none are false, so such a box is refused too.
    if not (right - left >= _SMALLEST and bottom - top >= _SMALLEST):
        raise UsageError(
            f"the box {tuple(box)} holds nothing of its image. Wanted are left, top, right and "
            "bottom as fractions of the image's sides, 0 to 1."
        )
    return left, top, right, bottom


def cut_out(image: Image.Image, box: Box, *, margin: float = 0.0) -> Image.Image:
    """A square around a box, in pixels of the image; what lies beyond the image is black.

    Its side is the longer one of the box, and `margin` times that more at each edge, so that
    shapes keep their proportions.
    """
    width, height = image.size
    left, top, right, bottom = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    half = max(right - left, bottom - top, 1.0) * (0.5 + margin)
    x, y = (left + right) / 2, (top + bottom) / 2
    corners = (round(x - half), round(y - half), round(x + half), round(y + half))
    return image.convert("RGB").crop(corners)
