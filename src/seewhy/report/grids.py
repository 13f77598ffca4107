"""Pictures side by side on one figure: a row per text, a column per way of looking."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int, UInt8

from seewhy.base.errors import UsageError
from seewhy.results.draw import drawable_text, new_figure, text_style
from seewhy.results.palette import LIGHT
from seewhy.results.text import number_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Picture = UInt8[np.ndarray, "_ _ 3"]
Places = Int[np.ndarray, "_ 2"]

PANEL_WIDTH, _LABEL_WIDTH = 2.3, 1.5
_LOWEST, _HIGHEST = 0.9, 5.0
CAPTION_HEIGHT, BAR_HEIGHT, TITLE_HEIGHT = 0.42, 0.5, 0.3
_LONGEST_LABEL, _LABEL_LINE = 90, 18
_ON, _BESIDE = LIGHT[2], LIGHT[7]


def _nowhere() -> Places:
    return np.zeros((0, 2), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture, a line below it, and points (x, y) that lie on or beside what was asked for."""

    picture: Picture
    caption: str = ""
    on: Places = field(default_factory=_nowhere)
    beside: Places = field(default_factory=_nowhere)


@dataclass(frozen=True, eq=False)
class PictureRow:
    """What one text came to: a panel per column, and a line below the text."""

    name: str
    panels: tuple[Panel, ...]
    note: str = ""


@dataclass(frozen=True, eq=False)
class ColourBar:
    """What the colours of a column mean: a strip of them, and the values at its ends."""

    strip: Picture
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Column:
    """The name of a way of looking, and what its colours mean."""

    title: str
    bar: ColourBar | None = None


def picture_grid(
    rows: Sequence[PictureRow], columns: Sequence[Column], *, title: str = ""
) -> "Figure":
    """A figure of all rows; labels are shown as they are, cut when long, never mathematics.

    Raises `UsageError` without rows, and for a row whose panels are not one per column.
    """
    if not rows or any(len(row.panels) != len(columns) for row in rows):
        raise UsageError(
            f"rows of {[len(row.panels) for row in rows]} panels for {len(columns)} columns; "
            "wanted are one row or more, with a panel for each column."
        )
    has_bars = any(column.bar for column in columns)
    heights = [*(row_height(row.panels) for row in rows), *([BAR_HEIGHT] if has_bars else [])]
    figure = new_figure(
        width=_LABEL_WIDTH + PANEL_WIDTH * len(columns),
        height=sum(heights) + TITLE_HEIGHT * (1 + bool(title)),
    )
    grid = figure.add_gridspec(
        len(heights),
        1 + len(columns),
        height_ratios=heights,
        width_ratios=[_LABEL_WIDTH, *[PANEL_WIDTH] * len(columns)],
    )
    for number, row in enumerate(rows):
        _draw_label(row, figure.add_subplot(grid[number, 0]))
        for place, (panel, column) in enumerate(zip(row.panels, columns, strict=True), 1):
            axes = figure.add_subplot(grid[number, place])
            draw_panel(panel, axes)
            if number == 0:
                axes.set_title(drawable_text(column.title, 28), **text_style(size=9.5))
    for place, column in enumerate(columns, 1):
        if column.bar is not None:
            draw_bar(column.bar, figure.add_subplot(grid[len(rows), place]))
    if title:
        figure.suptitle(
            drawable_text(title, 90), x=0.01, ha="left", weight="bold", **text_style(size=10.5)
        )
    return figure


def row_height(panels: Sequence[Panel]) -> float:
    """Inches for panels side by side, captions included."""
    tallest = max(panel.picture.shape[0] / panel.picture.shape[1] for panel in panels)
    return float(np.clip(PANEL_WIDTH * tallest, _LOWEST, _HIGHEST)) + CAPTION_HEIGHT


def _draw_label(row: PictureRow, axes: "Axes") -> None:
    axes.set_axis_off()
    label = "\n".join(textwrap.wrap(drawable_text(row.name, _LONGEST_LABEL), _LABEL_LINE))
    note = "\n".join(textwrap.wrap(drawable_text(row.note, _LONGEST_LABEL), _LABEL_LINE + 4))
    name = axes.text(0, 1, label, va="top", weight="bold", **text_style())
    axes.annotate(
        note,
        xy=(0, 0),
        xycoords=name,
        xytext=(0, -4),
        textcoords="offset points",
        va="top",
        annotation_clip=False,
        **text_style(size=8.0),
    )


def draw_panel(panel: Panel, axes: "Axes") -> None:
    """A picture with its points, and its caption below, on axes of its own."""
    axes.imshow(panel.picture, interpolation="nearest")
    marks = ((panel.beside, "X", _BESIDE), (panel.on, "o", _ON))
    for places, mark, colour in marks:
        if len(places):
            axes.scatter(
                places[:, 0],
                places[:, 1],
                s=14,
                marker=mark,
                color=colour,
                edgecolors="white",
                linewidths=0.5,
            )
    axes.set_xlabel(drawable_text(panel.caption, 48), **text_style(size=8.0))
    axes.set_anchor("N")
    _clear(axes)


def draw_bar(bar: ColourBar, axes: "Axes") -> None:
    """A strip of colours with three values below."""
    axes.imshow(bar.strip, extent=(0, 1, 0, 1), aspect=0.08, interpolation="nearest")
    values = np.linspace(bar.low, bar.high, 3)
    axes.set_xticks(
        [0, 0.5, 1], [number_text(float(value)) for value in values], **text_style(size=8.0)
    )
    axes.tick_params(length=0)
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _clear(axes: "Axes") -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
