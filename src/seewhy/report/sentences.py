"""Pictures side by side, and below them a sentence in which three words are marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from seewhy.base.errors import UsageError
from seewhy.report.grids import (
    BAR_HEIGHT,
    PANEL_WIDTH,
    TITLE_HEIGHT,
    ColourBar,
    Panel,
    draw_bar,
    draw_panel,
    row_height,
)
from seewhy.results.draw import drawable_text, new_figure, text_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLACES = ("1st", "2nd", "3rd")

_GROUNDS = ("#c62828", "#f5d547", "#62d9e8")
_INKS = ("#ffffff", "#1c1e21", "#1c1e21")
_QUIET = "#5d6470"
_SIZE, _LINE, _GAP, _MARGIN = 11.0, 26.0, 11.0, 8.0
_LONGEST_WORD, _LONGEST_TITLE = 40, 26
_POINTS = 72.0


@dataclass(frozen=True, eq=False)
class TitledPanel:
    """A panel and its title; `place` counts from 0 what is first, second and third."""

    title: str
    panel: Panel
    place: int | None = None


def sentence_figure(
    panels: Sequence[TitledPanel],
    words: Sequence[str],
    *,
    places: Mapping[int, int],
    bar: ColourBar,
    title: str = "",
) -> "Figure":
    """A figure with the marks of `places`, which leads from words by number to 0, 1 or 2.

    Words are shown as they are, cut when long, never mathematics; words in brackets are quiet.
    """
    if not panels or not set(places.values()) <= set(range(len(PLACES))):
        raise UsageError(
            f"{len(panels)} panels with words at the places {sorted(places.values())}; wanted are "
            f"one panel or more, and places from 0 to {len(PLACES) - 1}."
        )
    width = PANEL_WIDTH * len(panels)
    shown = _shown(words, places)
    lines = _lines(shown, width * _POINTS - 4 * _MARGIN)
    heights = [row_height([each.panel for each in panels]), BAR_HEIGHT]
    above = sum(heights) + TITLE_HEIGHT * (1 + bool(title))
    below = (len(lines) * _LINE + 2 * _MARGIN) / _POINTS
    figure = new_figure(width=width, height=above + below)
    grid = figure.add_gridspec(2, len(panels), height_ratios=heights)
    for column, each in enumerate(panels):
        _draw_titled(each, figure.add_subplot(grid[0, column]))
    draw_bar(bar, figure.add_subplot(grid[1, 1 if len(panels) > 1 else 0]))
    share = below / (above + below)
    figure.get_layout_engine().set(rect=(0, share, 1, 1 - share))  # type: ignore[union-attr, call-arg]
    _draw_words(lines, figure.add_axes((0, 0, 1, share)))
    if title:
        figure.suptitle(
            drawable_text(title, 90), x=0.01, ha="left", weight="bold", **text_style(size=10.5)
        )
    return figure


@dataclass(frozen=True)
class _Word:
    text: str
    width: float
    place: int | None


def _shown(words: Sequence[str], places: Mapping[int, int]) -> list[_Word]:
    """The words with their marks, and how wide they are in points."""
    from matplotlib.font_manager import FontProperties

    renderer = new_figure().canvas.get_renderer()  # type: ignore[attr-defined]
    shown = []
    for number, word in enumerate(words):
        place = places.get(number)
        text = drawable_text(word, _LONGEST_WORD)
        text = text if place is None else f"{text} · {PLACES[place]}"
        weight = "normal" if place is None else "bold"
        font = FontProperties(family=text_style()["fontfamily"], size=_SIZE, weight=weight)
        pixels, _, _ = renderer.get_text_width_height_descent(text, font, ismath=False)
        shown.append(_Word(text, pixels * _POINTS / renderer.dpi, place))
    return shown


def _lines(words: Sequence[_Word], width: float) -> list[list[_Word]]:
    """The words in lines of at most a width in points, unless a word by itself is wider."""
    lines: list[list[_Word]] = [[]]
    used = 0.0
    for word in words:
        if lines[-1] and used + word.width > width:
            lines.append([])
            used = 0.0
        lines[-1].append(word)
        used += word.width + _GAP
    return lines


def _draw_titled(each: TitledPanel, axes: "Axes") -> None:
    draw_panel(each.panel, axes)
    title = drawable_text(each.title, _LONGEST_TITLE)
    if each.place is None:
        axes.set_title(title, **text_style(size=9.5))
        return
    style = text_style(size=9.5, colour=_INKS[each.place])
    ground = {"boxstyle": "round,pad=0.3", "facecolor": _GROUNDS[each.place], "linewidth": 0}
    axes.set_title(f"{PLACES[each.place]}: {title}", bbox=ground, **style)


def _draw_words(lines: Sequence[Sequence[_Word]], axes: "Axes") -> None:
    axes.set_axis_off()
    for row, line in enumerate(lines):
        starts = accumulate((word.width + _GAP for word in line), initial=_MARGIN)
        for start, word in zip(starts, line, strict=False):
            quiet = word.place is None and word.text.startswith("[")
            ink = _QUIET if quiet else text_style()["color"]
            axes.annotate(
                word.text,
                xy=(0, 1),
                xycoords="axes fraction",
                xytext=(start, -_MARGIN - row * _LINE),
                textcoords="offset points",
                va="top",
                annotation_clip=False,
                **_marked(word.place)
                if word.place is not None
                else text_style(size=_SIZE, colour=ink),
            )


def _marked(place: int) -> dict[str, object]:
    ground = {"boxstyle": "round,pad=0.2", "facecolor": _GROUNDS[place], "linewidth": 0}
    return {**text_style(size=_SIZE, colour=_INKS[place]), "weight": "bold", "bbox": ground}
