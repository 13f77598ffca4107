"""Masks out of polygons and run lengths, as COCO writes them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from seewhy.base.errors import DataError

_FIRST = 48
_PAYLOAD, _SIGN, _MORE = 31, 16, 32


def polygon_mask(
    corners: Float[np.ndarray, "corners 2"], size: tuple[int, int]
) -> Bool[np.ndarray, "height width"]:
    """The pixels whose centre lies in a polygon of (x, y), for a size of (width, height).

    COCO's own tool rounds the outline first, so pixels on it can differ: IoU is 0.996 in the middle
    of random outlines, and lower for tiny or spiky ones. Run lengths are read exactly.
    """
    width, height = size
    # Crossing an edge toggles all pixels to its right.
    toggles = np.zeros((height, width + 1), dtype=np.int64)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        top, bottom = np.ceil(np.clip([min(y0, y1), max(y0, y1)], 0, height) - 0.5).astype(int)
        rows = np.arange(top, bottom)
        if len(rows):
            across = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            cols = np.ceil(np.clip(across, 0, width) - 0.5).astype(int)
            np.add.at(toggles, (rows, cols.clip(min=0)), 1)
    return np.asarray(toggles.cumsum(axis=1)[:, :width] % 2 == 1)


def run_mask(
    counts: Sequence[int] | str, size: tuple[int, int]
) -> Bool[np.ndarray, "height width"]:
    """The mask of run lengths, off and on by turns, column by column; text is unpacked first.

    Raises `DataError` with the code `bad_mask` where they do not fill (width, height).
    """
    width, height = size
    runs = unpacked(counts) if isinstance(counts, str) else counts
    if min(runs, default=0) < 0 or sum(runs) != width * height:
        raise DataError("bad_mask", f"run lengths do not fill {width} x {height} pixels.")
    flags = np.arange(len(runs)) % 2 == 1
    return np.repeat(flags, np.array(runs, dtype=np.int64)).reshape(width, height).T


def unpacked(text: str) -> list[int]:
    """Run lengths out of COCO's text: 5 bits a character, from the third as differences.

    Raises `DataError` with the code `bad_mask` for other text.
    """
    runs: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - _FIRST
        if not 0 <= code < 2 * _MORE or shift > 40:
            raise DataError("bad_mask", f"run lengths hold {character!r} or a number too large.")
        value |= (code & _PAYLOAD) << shift
        shift += 5
        if not code & _MORE:
            # Negative numbers have all higher bits set.
            signed = value - (1 << shift) if code & _SIGN else value
            runs.append(signed + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise DataError("bad_mask", "run lengths end in the middle of a number.")
    return runs
