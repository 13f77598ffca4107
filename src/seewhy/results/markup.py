"""Part -> HTML fragment: escaped, with inline SVG, readable without script or style."""

from collections.abc import Sequence
from functools import cache
from importlib import resources

import numpy as np
from markupsafe import Markup

from seewhy.results.charts import bar_chart, interval_text, scale_for, value_text
from seewhy.results.heat import heat_picture, range_text
from seewhy.results.lines import line_chart
from seewhy.results.overlay import png_address
from seewhy.results.palette import palette_styles
from seewhy.results.parts import (
    ConceptScores,
    Curve,
    Heatmap,
    Part,
    Picture,
    Statement,
    UnitMatches,
)
from seewhy.results.text import number_text, short_text, visible_text

MAX_ROWS = 200
SHORT_NAME = 16
"""Names up to this length stand beside their bars, longer ones above."""


def part_markup(part: Part, *, colours: Sequence[int] | None = None) -> Markup:
    """A part as HTML; `colours` are palette places, one per name of the part."""
    match part:
        case ConceptScores():
            return scores_markup(part, colours=colours)
        case Curve():
            return curve_markup(part, colours=colours)
        case Statement():
            return Markup('<p class="statement"><strong>{}</strong> {}</p>').format(
                visible_text(part.title), visible_text(part.text)
            )
        case UnitMatches():
            return _matches_markup(part)
        case Heatmap():
            return _heatmap_markup(part)
        case Picture():
            return _picture_markup(part)


def scores_markup(part: ConceptScores, *, colours: Sequence[int] | None = None) -> Markup:
    """A table of bars with whiskers; of more than `MAX_ROWS` names the highest are kept."""
    low = np.full_like(part.scores, np.nan) if part.low is None else part.low
    high = np.full_like(part.scores, np.nan) if part.high is None else part.high
    zero = [] if part.unit == "share" else [0.0]
    scale = scale_for([*zero, *np.concatenate([part.scores, low, high]).tolist()], part.unit)
    rows = Markup("").join(
        Markup(
            '<tr><th scope="row"><bdi>{}</bdi></th><td>{}</td>'
            '<td class="figure">{} <span class="quiet">{}</span></td></tr>'
        ).format(
            short_text(part.names[at], 120),
            bar_chart(
                float(part.scores[at]),
                (float(low[at]), float(high[at])),
                name=part.names[at],
                colour=at if colours is None else colours[at],
                unit=part.unit,
                scale=scale,
            ),
            value_text(float(part.scores[at]), part.unit),
            interval_text(float(low[at]), float(high[at]), part.unit),
        )
        for at in _kept_rows(part)
    )
    caption = Markup("<caption>{}</caption>").format(visible_text(part.title)) if part.title else ""
    form = "bars long" if max(map(len, part.names), default=0) > SHORT_NAME else "bars"
    return Markup('<table class="{}">{}<tbody>{}</tbody></table>{}').format(
        form, caption, rows, _left_out(len(part.names))
    )


def curve_markup(curve: Curve, *, colours: Sequence[int] | None = None) -> Markup:
    """A line chart under its title."""
    if not curve.positions.size:
        return Markup('<p class="quiet">{}: nothing to draw.</p>').format(visible_text(curve.title))
    return Markup('<p class="plot-title">{}</p><div class="plot">{}</div>').format(
        visible_text(curve.title), line_chart(curve, colours=colours)
    )


@cache
def chart_styles() -> str:
    """The style sheet of all fragments."""
    sheet = resources.files("seewhy.results").joinpath("charts.css").read_text("utf-8")
    return palette_styles() + sheet


def notebook_markup(target: str, score: float | None, parts: Sequence[Part]) -> str:
    """An explanation as one fragment that brings its own style."""
    body = Markup("").join(Markup("<div>{}</div>").format(part_markup(part)) for part in parts)
    return str(
        Markup('<div class="seewhy"><style>{}</style><p><strong>{}</strong>{}</p>{}</div>').format(
            Markup(chart_styles()),
            visible_text(target),
            "" if score is None else f": {number_text(score)}",
            body,
        )
    )


def _kept_rows(part: ConceptScores) -> list[int]:
    """In the given order when there are few, the highest first when there are many."""
    if len(part.names) <= MAX_ROWS:
        return list(range(len(part.names)))
    worth = np.where(np.isnan(part.scores), -np.inf, part.scores)
    return [int(at) for at in np.argsort(-worth, kind="stable")[:MAX_ROWS]]


def _left_out(rows: int) -> Markup:
    if rows <= MAX_ROWS:
        return Markup("")
    return Markup('<p class="quiet">The {} highest of {} are shown.</p>').format(MAX_ROWS, rows)


def _matches_markup(part: UnitMatches) -> Markup:
    order = np.argsort(-np.nan_to_num(part.scores, nan=-np.inf), kind="stable")[:20]
    rows = Markup("").join(
        Markup("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>").format(
            int(unit),
            visible_text(part.layers[part.layer_of[unit]]),
            int(part.channels[unit]),
            number_text(float(part.scores[unit])),
        )
        for unit in order
    )
    return Markup(
        "<table><caption>{}: the {} best of {} units of {}</caption><thead><tr>"
        '<th scope="col">Unit</th><th scope="col">Layer</th><th scope="col">Channel</th>'
        '<th scope="col">Correlation</th></tr></thead><tbody>{}</tbody></table>'
    ).format(visible_text(part.title), len(order), part.scores.size, visible_text(part.site), rows)


def _heatmap_markup(part: Heatmap) -> Markup:
    rows, cols = part.values.shape
    values = range_text(part.values)
    return Markup(
        '<figure class="heatmap"><img src="{}" alt="{}" style="aspect-ratio:{}/{}"/>'
        '<figcaption>{} <span class="quiet">{}</span></figcaption></figure>'
    ).format(heat_picture(part.values), values, cols, rows, visible_text(part.title), values)


def _picture_markup(part: Picture) -> Markup:
    height, width = part.pixels.shape[:2]
    return Markup(
        '<figure class="heatmap"><img src="{}" alt="{}" style="aspect-ratio:{}/{}"/>'
        "<figcaption>{}</figcaption></figure>"
    ).format(
        png_address(part.pixels),
        f"an image of {height} x {width} pixels",
        width,
        height,
        visible_text(part.title),
    )
