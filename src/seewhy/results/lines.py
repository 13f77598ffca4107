"""A curve as inline SVG: lines, bands and labels that keep apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from seewhy.results.charts import Scale, interval_text, scale_for, value_text
from seewhy.results.palette import colour_index
from seewhy.results.parts import Curve
from seewhy.results.text import number_text, short_text

MAX_SERIES = 40
LABELLED_SERIES = 8

_HEIGHT = 176
_TOP, _BOTTOM = 10, 40
_LABEL_GAP = 15.0
_DASHES = ("none", "7 4", "2 3", "9 3 2 3")


def line_chart(
    curve: Curve, *, colours: Sequence[int] | None = None, scale: Scale | None = None
) -> Markup:
    """Lines with interval bands; of many series the highest at the end are kept and labelled."""
    bounds = [bound for bound in (curve.low, curve.high) if bound is not None]
    known = np.concatenate([curve.values, *bounds]).ravel().tolist()
    return LineChart(
        curve,
        tuple(range(len(curve.names)) if colours is None else colours),
        scale or scale_for(known, curve.unit),
    ).draw()


@dataclass(frozen=True)
class LineChart:
    """A curve, a palette place per series, and where its values lie.

    Across, places are per cent of the width, so that the chart stretches; down, they are pixels.
    """

    curve: Curve
    colours: tuple[int, ...]
    scale: Scale

    def draw(self) -> Markup:
        """The chart, and how many lines it leaves out."""
        shown = self._most_telling()
        left_out = len(self.curve.names) - len(shown)
        note = Markup('<p class="quiet">{} further lines are not drawn.</p>').format(left_out)
        return Markup(
            '<svg class="lines" role="img" width="100%" height="{}"><title>{}</title>{}{}{}</svg>{}'
        ).format(
            _HEIGHT,
            self._title(),
            self._axes(),
            Markup("").join(map(self._series, shown)),
            self._end_labels(shown[:LABELLED_SERIES]),
            note if left_out else "",
        )

    def _most_telling(self) -> list[int]:
        """Series by their last known value, highest first; those without any come last."""
        ends = [_last(row) for row in self.curve.values]
        order = sorted(range(len(ends)), key=lambda at: (math.isnan(ends[at]), -ends[at]))
        return order[:MAX_SERIES]

    def _axes(self) -> Markup:
        shapes = Markup("").join(
            Markup(
                '<line class="grid" x1="0" x2="100%" y1="{0}" y2="{0}"/>'
                '<text class="tick" x="0" dx="-8" y="{0}" dy="4" text-anchor="end">{1}</text>'
            ).format(self._down(tick), value_text(tick, self.curve.unit))
            for tick in self.scale.ticks()
        )
        points = len(self.curve.positions)
        shapes += Markup("").join(
            Markup('<text class="tick" x="{}%" y="{}" text-anchor="middle">{}</text>').format(
                self._across(point), _HEIGHT - _BOTTOM + 18, self._point_name(point)
            )
            for point in range(0, points, math.ceil(points / 7))
        )
        return shapes + Markup(
            '<text class="axis" x="50%" y="{}" text-anchor="middle">{}</text>'
        ).format(_HEIGHT - 4, short_text(self.curve.axis))

    def _series(self, number: int) -> Markup:
        values = self.curve.values[number]
        lines = Markup("").join(
            Markup('<polyline class="line" points="{}" stroke-dasharray="{}"/>').format(
                self._corners([(at, values[at]) for at in run]), self._dash(number)
            )
            for run in _runs(values)
        )
        dots = Markup("").join(
            Markup('<circle class="dot" cx="{}%" cy="{}" r="3"><title>{}</title></circle>').format(
                self._across(at), self._down(values[at]), self._point_text(number, at)
            )
            for run in _runs(values)
            for at in run
        )
        return Markup(
            '<g class="c{0}"><svg width="100%" height="{1}" viewBox="0 0 100 {1}" '
            'preserveAspectRatio="none">{2}{3}</svg>{4}</g>'
        ).format(colour_index(self.colours[number]), _HEIGHT, self._band(number), lines, dots)

    def _band(self, number: int) -> Markup:
        if self.curve.low is None or self.curve.high is None:
            return Markup("")
        low, high = self.curve.low[number], self.curve.high[number]
        return Markup("").join(
            Markup('<polygon class="band" points="{}"/>').format(
                self._corners(
                    [(at, high[at]) for at in run] + [(at, low[at]) for at in reversed(run)]
                )
            )
            for run in _runs(low + high)
        )

    def _end_labels(self, shown: Sequence[int]) -> Markup:
        ends = [self._down(_last(self.curve.values[number])) for number in shown]
        places = spread(ends, gap=_LABEL_GAP, low=float(_TOP), high=_HEIGHT - _BOTTOM + 4.0)
        return Markup("").join(
            Markup('<text class="label c{}" x="100%" dx="8" y="{}" dy="4">{}</text>').format(
                colour_index(self.colours[number]),
                round(place, 1),
                short_text(self.curve.names[number], 16),
            )
            for number, place in zip(shown, places, strict=True)
        )

    def _corners(self, points: Sequence[tuple[int, float]]) -> str:
        return " ".join(f"{self._across(at)},{self._down(value)}" for at, value in points)

    def _dash(self, number: int) -> str:
        """Lines of one colour differ by their dashes."""
        same_before = self.colours[:number].count(self.colours[number])
        return _DASHES[same_before % len(_DASHES)]

    def _across(self, point: int) -> float:
        """Per cent of the width, a little inside both edges."""
        first, last = float(self.curve.positions[0]), float(self.curve.positions[-1])
        if first == last:
            return 50.0
        return round(3 + 94 * (float(self.curve.positions[point]) - first) / (last - first), 2)

    def _down(self, value: float) -> float:
        """Pixels from the top; what is not known lies on the bottom."""
        share = 0.0 if math.isnan(value) else self.scale.fraction(value)
        return round(_TOP + (1 - share) * (_HEIGHT - _TOP - _BOTTOM), 1)

    def _title(self) -> str:
        ends = "; ".join(
            f"{short_text(name)} ends at {value_text(_last(row), self.curve.unit)}"
            for name, row in zip(self.curve.names[:20], self.curve.values[:20], strict=True)
        )
        return f"{short_text(self.curve.title)}. {ends}."

    def _point_text(self, number: int, at: int) -> str:
        curve = self.curve
        value = value_text(float(curve.values[number, at]), curve.unit)
        text = f"{short_text(curve.names[number])}, {self._point_name(at)}: {value}"
        if curve.low is None or curve.high is None:
            return text
        bounds = float(curve.low[number, at]), float(curve.high[number, at])
        return f"{text} ({interval_text(*bounds, curve.unit)})"

    def _point_name(self, point: int) -> str:
        if self.curve.ticks:
            return short_text(self.curve.ticks[point], 14)
        return number_text(float(self.curve.positions[point]))


def spread(places: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Places moved apart to at least `gap`, in the same order, ending at `high` if they fit."""
    order = sorted(range(len(places)), key=places.__getitem__)
    moved = [0.0] * len(places)
    floor = low
    for at in order:
        moved[at] = max(places[at], floor)
        floor = moved[at] + gap
    ceiling = high
    for at in reversed(order):
        moved[at] = min(moved[at], ceiling)
        ceiling = moved[at] - gap
    return moved


def _last(row: Float[np.ndarray, " points"]) -> float:
    known = row[~np.isnan(row)]
    return float(known[-1]) if known.size else math.nan


def _runs(values: Float[np.ndarray, " points"]) -> list[list[int]]:
    """Stretches of neighbouring known points."""
    runs: list[list[int]] = []
    for at in np.flatnonzero(~np.isnan(values)).tolist():
        if runs and runs[-1][-1] == at - 1:
            runs[-1].append(at)
        else:
            runs.append([at])
    return runs
