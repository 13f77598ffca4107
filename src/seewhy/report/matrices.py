"""A matrix of shares as a figure: a row per word written, a column per word read."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from seewhy.base.errors import UsageError
from seewhy.results.draw import drawable_text, new_figure, text_style
from seewhy.results.palette import LIGHT
from seewhy.results.text import percent_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

_CELL, _BESIDE, _ABOVE = 0.46, 1.5, 1.2
_LONGEST = 16
_EDGE = "#e4e6ea"
_STRONG = 0.55
_WORTH_A_NUMBER = 0.095


def matrix_figure(
    values: Float[np.ndarray, "rows cols"],
    rows: Sequence[str],
    cols: Sequence[str],
    *,
    marks: Mapping[int, int] | None = None,
    title: str = "",
) -> "Figure":
    """White at 0, full colour at 1, with a number where it is a tenth or more.

    `marks` leads from rows to the column that is framed.
    """
    if values.shape != (len(rows), len(cols)) or not values.size:
        raise UsageError(
            f"a matrix of shape {values.shape} came with {len(rows)} names of rows and "
            f"{len(cols)} of columns; wanted is a name for each of one or more."
        )
    figure = new_figure(
        width=_BESIDE + _CELL * max(len(cols), 4), height=_ABOVE + _CELL * len(rows)
    )
    axes = figure.add_subplot()
    ink = np.array(list(bytes.fromhex(LIGHT[0][1:]))) / 255
    axes.imshow(1 + values.clip(0, 1)[..., None] * (ink - 1), aspect="equal")
    for row, col in zip(*np.nonzero(values >= _WORTH_A_NUMBER), strict=True):
        share = float(values[row, col])
        colour = "#ffffff" if share > _STRONG else "#1c1e21"
        text = percent_text(share).removesuffix(" %")
        axes.text(col, row, text, ha="center", va="center", **text_style(size=8.0, colour=colour))
    for row, col in (marks or {}).items():
        axes.add_patch(_frame(row, col))
    names = text_style(size=9.0)
    axes.set_yticks(range(len(rows)), [drawable_text(word, _LONGEST) for word in rows], **names)
    turned: dict[str, Any] = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"}
    axes.set_xticks(
        range(len(cols)), [drawable_text(word, _LONGEST) for word in cols], **turned, **names
    )
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.set_xticks(np.arange(len(cols) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=_EDGE, linewidth=0.8)
    axes.tick_params(which="both", length=0)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if title:
        figure.suptitle(drawable_text(title, 90), **text_style(size=9.5))
    return figure


def _frame(row: int, col: int) -> "Rectangle":
    from matplotlib.patches import Rectangle

    corner = (col - 0.5, row - 0.5)
    return Rectangle(corner, 1, 1, fill=False, edgecolor=LIGHT[1], linewidth=2.0, zorder=4)
