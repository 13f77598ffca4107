"""Every mode of a decoded image to RGB, by a stated rule."""

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from seewhy.base.errors import DataError

Colour = tuple[int, int, int]
Converted = tuple[Image.Image, tuple[str, ...]]

_FROM_16_BITS = ((np.arange(65_536) + 128) // 257).astype(np.uint8)


def to_rgb(image: Image.Image, background: Colour) -> Converted:
    """A loaded image as mode RGB, with notes on what was decided.

    16-bit grey v becomes round(v / 257). 32-bit numbers within 0..1 count as 0..1; others are
    stretched from their minimum and maximum to 0..255 (note `stretched`). Transparent pixels
    are laid on `background` (note `transparency`). CMYK is converted without its colour
    profile (note `cmyk`).
    """
    if image.mode.startswith("I;16"):
        return _grey(_FROM_16_BITS[np.asarray(image).astype(np.uint16)]), ()
    if image.mode == "I" and image.format == "PPM":
        return _grey(_FROM_16_BITS[np.asarray(image).clip(0, 65_535)]), ()
    if image.mode in ("I", "F"):
        return _numbers_to_grey(np.asarray(image))
    try:
        if image.has_transparency_data:
            return _laid_on(background, image.convert("RGBA"))
        return image.convert("RGB"), ("cmyk",) if image.mode == "CMYK" else ()
    except ValueError as error:
        raise DataError(
            "unsupported", f"colour mode {image.mode} cannot become RGB; save the image as RGB."
        ) from error


def _numbers_to_grey(
    values: Float[np.ndarray, "height width"] | Int[np.ndarray, "height width"],
) -> Converted:
    if not np.isfinite(values).all():
        raise DataError("non_finite", "the image has NaN or infinite pixels.")
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        return _grey(np.rint(values * 255).astype(np.uint8)), ()
    # In double precision the range of two 32-bit extremes does not overflow.
    shares = (values.astype(np.float64) - low) / ((high - low) or 1)
    return _grey(np.rint(shares * 255).astype(np.uint8)), ("stretched",)


def _grey(values: UInt8[np.ndarray, "height width"]) -> Image.Image:
    return Image.fromarray(values).convert("RGB")


def _laid_on(background: Colour, image: Image.Image) -> Converted:
    canvas = Image.new("RGBA", image.size, (*background, 255))
    lowest, _ = image.getchannel("A").getextrema()
    notes = ("transparency",) if lowest != 255 else ()
    return Image.alpha_composite(canvas, image).convert("RGB"), notes
