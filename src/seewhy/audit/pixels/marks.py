"""Frames and squares at the border of a picture."""

import numpy as np
from jaxtyping import Bool, Float

Mask = Bool[np.ndarray, "height width"]
Colours = Float[np.ndarray, "height width 3"]

_SAME_COLOUR = 45.0


def border_marks(colours: Colours) -> Mask:
    """A frame or squares in the corners, each of one colour that soon ends."""
    height, width = colours.shape[:2]
    marks = np.zeros((height, width), dtype=bool)
    if min(height, width) < 16:
        return marks
    frame = _frame_width(colours)
    if frame:
        marks[:] = True
        marks[frame:-frame, frame:-frame] = False
        return marks
    for rows in (slice(None), slice(None, None, -1)):
        for cols in (slice(None), slice(None, None, -1)):
            size = _corner_size(colours[rows, cols])
            marks[rows, cols][:size, :size] = True
    return marks


def _frame_width(colours: Colours) -> int:
    """Rings of the outermost ring's colour, 0 unless they end within a tenth of the side."""
    widest = min(colours.shape[:2]) // 10 + 1
    colour = np.median(_ring(colours, 0), axis=0)
    for depth in range(widest + 1):
        alike = (colour_distances(_ring(colours, depth), colour) < _SAME_COLOUR).mean()
        if alike < 0.9:
            beyond = colour_distances(_ring(colours, depth + 1), colour)
            return depth if (beyond < _SAME_COLOUR).mean() < 0.5 else 0
    return 0


def _corner_size(colours: Colours) -> int:
    """Length of a square of one colour in the upper left corner: 3/32 to 3/16 of the side, or 0."""
    side = min(colours.shape[:2])
    reach = 3 * side // 16 + 2
    window = colours[:reach, :reach]
    colour = np.median(window[: side // 12, : side // 12].reshape(-1, 3), axis=0)
    alike = colour_distances(window, colour) < _SAME_COLOUR
    extents = [_run(alike[: side // 16].mean(axis=0)), _run(alike[:, : side // 16].mean(axis=1))]
    size = max(extents)
    if min(extents) < size - 1 or not 3 * side / 32 <= size <= 3 * side / 16:
        return 0
    outside = np.concatenate([alike[size, : size + 1], alike[:size, size]])
    is_square = alike[: size - 1, : size - 1].mean() > 0.9 and outside.mean() < 0.3
    return size if is_square else 0


def _run(shares: Float[np.ndarray, " positions"]) -> int:
    """How many of the first shares exceed one half."""
    low = np.flatnonzero(shares <= 0.5)
    return int(low[0]) if len(low) else len(shares)


def _ring(colours: Colours, depth: int) -> Float[np.ndarray, "pixels 3"]:
    inner = colours[depth : colours.shape[0] - depth, depth : colours.shape[1] - depth]
    return np.concatenate([inner[0], inner[-1], inner[1:-1, 0], inner[1:-1, -1]])


def colour_distances(
    colours: Float[np.ndarray, "*places 3"], colour: Float[np.ndarray, " 3"]
) -> Float[np.ndarray, "*places"]:
    """Euclidean distance of each colour to one, in the units of the colours."""
    return np.asarray(np.sqrt(((colours - colour) ** 2).sum(axis=-1)))
