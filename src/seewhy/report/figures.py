"""Parts arranged on figures, as PNG and SVG files."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seewhy.results.draw import draw_part, drawable_text, new_figure
from seewhy.results.files import output_path, safe_slug, write_bytes
from seewhy.results.parts import ConceptScores, Part

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW_HEIGHT = 0.34
_PANEL_WIDTH = 6.6


@dataclass(frozen=True)
class Panel:
    """A part on a figure; `colours` are palette places, one per name of the part."""

    part: Part
    colours: tuple[int, ...] | None = None


def draw_panels(panels: Sequence[Panel], *, title: str = "", columns: int = 1) -> "Figure":
    """Panels row by row; the y axes of a row of curves are not shared, titles say what each is."""
    columns = max(min(columns, len(panels)), 1)
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    heights = [max(_panel_height(panel) for panel in row) for row in rows] or [1.0]
    figure = new_figure(width=_PANEL_WIDTH * columns, height=sum(heights) + (0.4 if title else 0))
    grid = figure.add_gridspec(max(len(rows), 1), columns, height_ratios=heights)
    for number, panel in enumerate(panels):
        axes = figure.add_subplot(grid[divmod(number, columns)])
        draw_part(panel.part, axes, colours=panel.colours)
    if title:
        figure.suptitle(
            drawable_text(title, 100), x=0.01, ha="left", weight="bold", parse_math=False
        )
    return figure


def write_figure(figure: "Figure", folder: Path, name: str) -> tuple[Path, Path]:
    """Write `name`.png and `name`.svg below an output folder; equal figures give equal bytes."""
    slug = safe_slug(name)
    png = output_path(folder, f"{slug}.png")
    svg = output_path(folder, f"{slug}.svg")
    return write_bytes(png, figure_bytes(figure, "png")), write_bytes(
        svg, figure_bytes(figure, "svg")
    )


def figure_bytes(figure: "Figure", kind: str) -> bytes:
    """The figure as a "png" or "svg" file, without dates, program names or random ids."""
    import matplotlib as mpl

    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "seewhy"}):
        figure.savefig(buffer, format=kind, dpi=160, metadata=metadata)
    return buffer.getvalue()


def _panel_height(panel: Panel) -> float:
    if isinstance(panel.part, ConceptScores):
        return 0.9 + _ROW_HEIGHT * min(max(len(panel.part.names), 1), 60)
    return 2.8
