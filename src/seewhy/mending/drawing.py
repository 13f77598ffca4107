"""Where a network looked, over the image: cells of a grid or boxes, with the share of each."""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont

from seewhy.mending.evidence import MOST_SEEN, Weights, pixel_box
from seewhy.models.editing.features import ImageFeatures
from seewhy.results.text import percent_text

AnyPicture = UInt8[np.ndarray, "_ _ 3"]

_INK, _HALO = (255, 214, 10), (20, 22, 26)
_LETTERS = 15
_DARKEST = 0.3
_LEAST = 0.1
_ROOM = 48


def looked_picture(shown: AnyPicture, features: ImageFeatures, weights: Weights) -> AnyPicture:
    """The image, bright where attention was and dark elsewhere, the strongest regions outlined.

    Full brightness is for the highest attention; outlined regions have at least a tenth of it and
    bear their shares. A region for the whole image is left out, and so is one whose place nobody
    knows.
    """
    values = region_values(features, weights, (shown.shape[1], shown.shape[0]))
    strength = values / (values.max() or 1.0)
    lit = shown * (_DARKEST + (1 - _DARKEST) * strength)[..., None]
    return _labelled(np.rint(lit).astype(np.uint8), features, weights)


def region_values(
    features: ImageFeatures, weights: Weights, size: tuple[int, int]
) -> Float[np.ndarray, "height width"]:
    """For each pixel the highest weight of a region that holds it; 0 where there is none."""
    width, height = size
    values = np.zeros((height, width))
    if features.grid is not None:
        rows, cols = features.grid
        cells = _placed(features, weights).astype(np.float32).reshape(rows, cols)
        return np.asarray(Image.fromarray(cells).resize(size, Image.Resampling.NEAREST)).astype(
            np.float64
        )
    for place, weight in enumerate(weights):
        box = pixel_box(features, place, size)
        if box is not None:
            left, top, right, bottom = box
            part = values[top:bottom, left:right]
            np.maximum(part, weight, out=part)
    return values


def _labelled(drawn: AnyPicture, features: ImageFeatures, weights: Weights) -> AnyPicture:
    picture = Image.fromarray(drawn)
    brush = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=_LETTERS)
    values = _placed(features, weights)
    order = np.argsort(-values, kind="stable")[:MOST_SEEN]
    # The strongest come last, so that nothing covers them.
    for place in reversed([int(each) for each in order if values[each] >= _LEAST * values.max()]):
        box = pixel_box(features, place, picture.size)
        if box is None:
            continue
        left, top, right, bottom = box
        brush.rectangle((left, top, right - 1, bottom - 1), outline=_HALO, width=5)
        brush.rectangle((left + 1, top + 1, right - 2, bottom - 2), outline=_INK, width=3)
        text = percent_text(float(weights[place]))
        corner = (left + 6, top + 5)
        if min(right - left, bottom - top) < _ROOM:
            corner = (left + 3, top - _LETTERS - 6 if top > 2 * _LETTERS else bottom + 4)
        ground = brush.textbbox(corner, text, font=font)
        brush.rectangle((ground[0] - 3, ground[1] - 3, ground[2] + 3, ground[3] + 3), fill=_HALO)
        brush.text(corner, text, font=font, fill=_INK)
    return np.asarray(picture)


def _placed(features: ImageFeatures, weights: Weights) -> Float[np.ndarray, " placed"]:
    """The weights without that of a region for the whole image behind the cells."""
    count = len(weights) if features.grid is None else features.grid[0] * features.grid[1]
    return np.asarray(weights[:count], dtype=np.float64)
