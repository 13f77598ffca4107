"""Part -> matplotlib axes, without pyplot, windows or global settings."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import UInt8

from seewhy.results.heat import heat_colours, range_text
from seewhy.results.palette import LIGHT, colour_index
from seewhy.results.parts import (
    ConceptScores,
    Curve,
    Heatmap,
    Part,
    Picture,
    Statement,
    UnitMatches,
)
from seewhy.results.text import short_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FONT = "DejaVu Sans"
_INK, _QUIET, _GRID = "#1c1e21", "#5d6470", "#e4e6ea"
_DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
_MAX_ROWS = 60
_MAX_SERIES = 40
_LABELLED_SERIES = 12


def new_figure(*, width: float = 7.2, height: float = 4.2) -> "Figure":
    """A figure in inches that belongs to no window and to no global list."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white")
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.12)
    FigureCanvasAgg(figure)
    return figure


def new_axes() -> "Axes":
    """Axes on a figure of their own; `axes.figure` is that figure."""
    return new_figure().add_subplot()


def draw_part(part: Part, axes: "Axes", *, colours: Sequence[int] | None = None) -> "Axes":
    """Draw a part and return the axes; `colours` are palette places, one per name."""
    match part:
        case ConceptScores():
            _draw_scores(part, axes, _places(part.names, colours))
        case Curve():
            _draw_curve(part, axes, _places(part.names, colours))
        case UnitMatches():
            _draw_matches(part, axes)
        case Heatmap():
            _draw_heatmap(part, axes)
        case Picture():
            _draw_image(part.pixels, axes)
        case Statement():
            axes.set_axis_off()
            axes.text(0, 1, drawable_text(part.text, 600), va="top", wrap=True, **text_style())
    axes.set_title(drawable_text(part.title), loc="left", weight="bold", **text_style(size=10.5))
    return axes


def drawable_text(text: str, limit: int = 60) -> str:
    """Visible text in which letters that the figure's font lacks are spelled out."""
    known = _known_letters()
    spelled = "".join(
        letter if ord(letter) in known else letter.encode("unicode_escape").decode("ascii")
        for letter in short_text(text, limit)
    )
    return short_text(spelled, limit)


@cache
def _known_letters() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(_FONT)).get_charmap())


def text_style(*, size: float = 9, colour: str = _INK) -> dict[str, Any]:
    """What all text shares; a dollar sign is a dollar sign, never mathematics."""
    return {"parse_math": False, "fontfamily": _FONT, "fontsize": size, "color": colour}


def _places(names: Sequence[str], colours: Sequence[int] | None) -> list[int]:
    return list(range(len(names))) if colours is None else list(colours)


def _draw_scores(part: ConceptScores, axes: "Axes", colours: Sequence[int]) -> None:
    rows = list(range(min(len(part.names), _MAX_ROWS)))
    if len(part.names) > _MAX_ROWS:
        worth = np.where(np.isnan(part.scores), -np.inf, part.scores)
        rows = np.argsort(-worth, kind="stable")[:_MAX_ROWS].tolist()
    heights = np.arange(len(rows))
    scores = part.scores[rows]
    paints = [LIGHT[colour_index(colours[row])] for row in rows]
    axes.barh(heights, np.nan_to_num(scores), height=0.55, color=paints, alpha=0.9, zorder=2)
    if part.low is not None and part.high is not None:
        low, high = part.low[rows], part.high[rows]
        axes.hlines(heights, low, high, color=_INK, linewidth=1.4, zorder=3)
        for bound in (low, high):
            axes.vlines(bound, heights - 0.13, heights + 0.13, color=_INK, linewidth=1.4, zorder=3)
    axes.set_yticks(heights, [drawable_text(part.names[row], 32) for row in rows], **text_style())
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.axvline(0, color=_QUIET, linewidth=0.8, zorder=1)
    _finish(axes, grid="x")
    _limit_shares(part, axes.set_xlim, axes.xaxis)


def _draw_curve(part: Curve, axes: "Axes", colours: Sequence[int]) -> None:
    for number in range(min(len(part.names), _MAX_SERIES)):
        same_before = list(colours[:number]).count(colours[number])
        paint = LIGHT[colour_index(colours[number])]
        axes.plot(
            part.positions,
            part.values[number],
            color=paint,
            linestyle=_DASHES[same_before % len(_DASHES)],
            linewidth=1.8,
            marker="o",
            markersize=3.5,
        )
        if part.low is not None and part.high is not None:
            axes.fill_between(
                part.positions, part.low[number], part.high[number], color=paint, alpha=0.15, lw=0
            )
    names = [drawable_text(tick, 18) for tick in part.ticks] or [
        f"{position:g}" for position in part.positions
    ]
    every = max(len(names) // 12, 1)
    axes.set_xticks(part.positions[::every], names[::every], **text_style(colour=_QUIET))
    axes.set_xlabel(drawable_text(part.axis), **text_style(colour=_QUIET))
    _finish(axes, grid="y")
    _limit_shares(part, axes.set_ylim, axes.yaxis)
    if part.names:
        _draw_legend(part, axes)


def _draw_legend(part: Curve, axes: "Axes") -> None:
    lines = axes.get_lines()[-min(len(part.names), _MAX_SERIES) :][:_LABELLED_SERIES]
    places = [f"series {number}" for number in range(len(lines))]
    legend = axes.legend(
        lines, places, frameon=False, handlelength=3, loc="upper left", bbox_to_anchor=(1.0, 1.0)
    )
    for text, name in zip(legend.get_texts(), part.names, strict=False):
        text.set(**text_style())
        text.set_text(drawable_text(name, 28))


def _draw_matches(part: UnitMatches, axes: "Axes") -> None:
    known = part.scores[~np.isnan(part.scores)]
    axes.hist(known, bins=40, range=(-1, 1) if (known < 0).any() else (0, 1), color=LIGHT[0])
    axes.set_xlabel(drawable_text(f"best correlation, {part.site}"), **text_style(colour=_QUIET))
    axes.set_ylabel("units", **text_style(colour=_QUIET))
    _finish(axes, grid="y")


def _draw_heatmap(part: Heatmap, axes: "Axes") -> None:
    _draw_image(heat_colours(part.values), axes)
    axes.set_xlabel(drawable_text(range_text(part.values), 120), **text_style(colour=_QUIET))


def _draw_image(pixels: UInt8[np.ndarray, "height width _"], axes: "Axes") -> None:
    axes.imshow(pixels, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(_GRID)


def _finish(axes: "Axes", *, grid: Literal["x", "y"]) -> None:
    for side in ("top", "right", "left" if grid == "y" else "bottom"):
        axes.spines[side].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(_GRID)
    axes.set_axisbelow(True)
    axes.grid(axis=grid, color=_GRID, linewidth=0.8)
    axes.tick_params(length=0, labelcolor=_INK, labelsize=9, labelfontfamily=_FONT)


def _limit_shares(part: ConceptScores | Curve, set_limits: Any, axis: Any) -> None:
    if part.unit != "share":
        return
    from matplotlib.ticker import PercentFormatter

    set_limits(0, 1.02)
    axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
