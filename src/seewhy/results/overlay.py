"""A heatmap laid over its image: pixels in, pixels out."""

import base64
import io
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.results.palette import LIGHT

Look = Literal["signed", "published"]

Picture = UInt8[np.ndarray, "height width 3"]
Values = Float[np.ndarray, "_ _"]

PICTURE_SIDE = 1024
"""The longest side of a picture that is written."""

_BELOW, _ABOVE = (np.array(list(bytes.fromhex(LIGHT[place][1:]))) for place in (0, 7))
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
_DARKEST, _CONTRAST = 48.0, 0.75
_STRONGEST = 0.85
_UNSEEN = 0.35
_SLACK = 1e-4


def overlay(
    image: Picture, values: Values, *, look: Look = "signed", scale: float | None = None
) -> Picture:
    """A map over its image in one of the two looks; `scale` is for "signed"."""
    if look == "published":
        return published_overlay(image, values)
    return signed_overlay(image, values, scale=scale)


def signed_overlay(image: Picture, values: Values, *, scale: float | None = None) -> Picture:
    """Red above zero and blue below, over the image in grey; at zero only grey is left.

    Colour grows with the absolute value and is full from `scale` on (by default the largest
    absolute value). Where the value is NaN the image keeps its colours and is dark.
    """
    _check_shapes(image, values)
    known = np.nan_to_num(values.astype(np.float64))
    strength = np.abs(known) / (scale or np.abs(known).max() or 1.0)
    opacity = _STRONGEST * strength.clip(0, 1)[..., None]
    ground = (_DARKEST + _CONTRAST * (image @ _LUMINANCE))[..., None]
    colour = np.where((known < 0)[..., None], _BELOW, _ABOVE)
    mixed = (1 - opacity) * ground + opacity * colour
    return _unseen_dark(np.rint(mixed).astype(np.uint8), image, values)


def published_overlay(image: Picture, values: Values) -> Picture:
    """0.4 of the image and 0.6 of the map in the colours "jet", truncated to whole numbers.

    For maps from 0 to 1 (`UsageError` for others). Where the value is NaN as in `signed_overlay`.
    Source: the code of Li et al., A Closer Look at the Explainability of Contrastive
    Language-Image Pre-training, Pattern Recognition 162 (2025).
    """
    _check_shapes(image, values)
    known = np.nan_to_num(values.astype(np.float64))
    if known.min() < -_SLACK or known.max() > 1 + _SLACK:
        raise UsageError(
            f"the published look is for maps from 0 to 1; this one reaches from {known.min():g} to "
            f"{known.max():g}. Ask for scaling 'min-max', or for the look 'signed'."
        )
    heat = _jet()[(known.clip(0, 1) * 255).astype(np.uint8)]
    return _unseen_dark((0.4 * image + 0.6 * heat).astype(np.uint8), image, values)


def picture_size(size: tuple[int, int], longest: int = PICTURE_SIDE) -> tuple[int, int]:
    """Width and height with the proportions of a size, and no side above the longest."""
    shrink = min(1.0, longest / max(size))
    width, height = (max(round(side * shrink), 1) for side in size)
    return width, height


def picture(image: Image.Image, longest: int = PICTURE_SIDE) -> Picture:
    """The pixels of an image, made smaller where a side is longer than the longest."""
    size = picture_size(image.size, longest)
    small = image if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(small.convert("RGB"))


def masked_picture(image: Picture, mask: Bool[np.ndarray, "height width"]) -> Picture:
    """The image inside the mask; dark outside, as what the model was not shown."""
    return np.where(mask[..., None], image, np.rint(image * _UNSEEN)).astype(np.uint8)


def png_bytes(picture: UInt8[np.ndarray, "height width ..."]) -> bytes:
    """A grey, RGB or RGBA picture as a PNG file; equal pictures give equal bytes."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()


def png_address(picture: UInt8[np.ndarray, "height width ..."]) -> str:
    """The same file as an address that holds itself, for pages."""
    return f"data:image/png;base64,{base64.b64encode(png_bytes(picture)).decode('ascii')}"


def _unseen_dark(made: Picture, image: Picture, values: Values) -> Picture:
    mask = ~np.isnan(values)
    return np.where(mask[..., None], made, masked_picture(image, mask)).astype(np.uint8)


def _jet() -> UInt8[np.ndarray, "256 3"]:
    """Dark blue, blue, cyan, yellow, red, dark red in straight lines, as in MATLAB."""
    places = 4 * np.arange(256)[:, None] / 255
    colours: UInt8[np.ndarray, "256 3"] = np.rint(
        255 * (1.5 - np.abs(places - (3, 2, 1))).clip(0, 1)
    ).astype(np.uint8)
    return colours


def _check_shapes(image: Picture, values: Values) -> None:
    if image.shape[:2] != values.shape:
        raise UsageError(
            f"an image of {image.shape[0]} x {image.shape[1]} pixels and a map of "
            f"{values.shape[0]} x {values.shape[1]}: draw the map over this image first."
        )
