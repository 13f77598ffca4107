"""Signed values as colours: blue below zero, white at zero, red above, nothing where unknown."""

import numpy as np
from jaxtyping import Float, UInt8

from seewhy.results.overlay import png_address
from seewhy.results.palette import LIGHT
from seewhy.results.text import number_text

_BLUE, _RED = (tuple(bytes.fromhex(LIGHT[place][1:])) for place in (0, 7))
_WHITE = (255, 255, 255)
_LONGEST_SIDE = 512

Values = Float[np.ndarray, "rows cols"]


def heat_colours(values: Values) -> UInt8[np.ndarray, "rows cols 4"]:
    """Red, green, blue and opacity; full colour is the largest absolute value, NaN transparent."""
    known = np.nan_to_num(values.astype(np.float64))
    strength = known / (np.abs(known).max() or 1.0)
    ends = np.where((strength < 0)[..., None], _BLUE, _RED)
    colours = _WHITE + np.abs(strength)[..., None] * (ends - _WHITE)
    opacity = np.where(np.isnan(values), 0, 255)[..., None]
    return np.concatenate([np.rint(colours), opacity], axis=2).astype(np.uint8)


def heat_picture(values: Values) -> str:
    """The colours as the address of a PNG that holds itself; large maps are thinned out."""
    step = -(-max(values.shape) // _LONGEST_SIDE)
    return png_address(heat_colours(values[::step, ::step]))


def range_text(values: Values) -> str:
    """The smallest and largest value in words, such as "from −0.2 (blue) to 0.5 (red)"."""
    known = values[~np.isnan(values)]
    if not known.size:
        return "unknown everywhere"
    ends = [
        f"{number_text(float(value))}{' (blue)' if value < 0 else ' (red)' if value > 0 else ''}"
        for value in (known.min(), known.max())
    ]
    return f"from {ends[0]} to {ends[1]}; 0 is white"
