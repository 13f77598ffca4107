"""Scales and bars as inline SVG that stretches with the page; all text in it is escaped."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from seewhy.results.palette import colour_index
from seewhy.results.parts import Unit
from seewhy.results.text import number_text, percent_text, short_text


@dataclass(frozen=True)
class Scale:
    """Where values lie between two limits."""

    low: float
    high: float

    def fraction(self, value: float) -> float:
        """0 at the lower limit, 1 at the upper; values outside are drawn at the edge."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def ticks(self) -> list[float]:
        """Two to six round numbers inside the limits."""
        step = _round_step((self.high - self.low) / 4)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) for number in range(first, last + 1)]


def scale_for(values: Sequence[float | None], unit: Unit) -> Scale:
    """Shares lie between 0 and 1; all else gets limits a little beyond its finite values."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if unit == "share" and all(0 <= value <= 1 for value in known):
        return Scale(0.0, 1.0)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    margin = 0.08 * (high - low) or max(abs(high), 1.0) * 0.1
    return Scale(low - margin, high + margin)


def value_text(value: float | None, unit: Unit) -> str:
    """A value as a reader wants it: shares in per cent."""
    return percent_text(value) if unit == "share" else number_text(value)


def interval_text(low: float | None, high: float | None, unit: Unit) -> str:
    """An interval such as "78 to 86 %"; empty when there is none."""
    if _known(low) is None or _known(high) is None:
        return ""
    first, last = value_text(low, unit), value_text(high, unit)
    is_plain = first[0] not in "<>−" and last[0] not in "<>−"
    return f"{first.removesuffix(' %') if is_plain else first} to {last}"


def bar_chart(
    value: float | None,
    interval: tuple[float | None, float | None] = (None, None),
    *,
    name: str,
    colour: int = 0,
    unit: Unit = "share",
    scale: Scale | None = None,
) -> Markup:
    """One bar from zero with the whisker of its interval; a missing value is an empty rail."""
    scale = scale or Scale(0.0, 1.0)
    title = f"{short_text(name)}: {value_text(value, unit)}"
    if bounds := interval_text(*interval, unit):
        title += f", 95 % interval {bounds}"
    return Markup(
        '<svg class="bar c{}" role="img" width="100%" height="22"><title>{}</title>'
        '<rect class="rail" y="6" width="100%" height="10" rx="3"/>{}{}</svg>'
    ).format(colour_index(colour), title, _fill(_known(value), scale), _whisker(*interval, scale))


def _fill(value: float | None, scale: Scale) -> Markup:
    if value is None:
        return Markup("")
    left, right = sorted((_per_cent(0.0, scale), _per_cent(value, scale)))
    return Markup('<rect class="fill" x="{}%" y="6" width="{}%" height="10" rx="3"/>').format(
        left, round(right - left, 2)
    )


def _whisker(low: float | None, high: float | None, scale: Scale) -> Markup:
    low, high = _known(low), _known(high)
    if low is None or high is None:
        return Markup("")
    left, right = _per_cent(low, scale), _per_cent(high, scale)
    return Markup("").join(
        Markup('<line class="whisker" x1="{}%" x2="{}%" y1="{}" y2="{}"/>').format(*ends)
        for ends in ((left, right, 11, 11), (left, left, 6, 16), (right, right, 6, 16))
    )


def _per_cent(value: float, scale: Scale) -> float:
    return round(100 * scale.fraction(value), 2)


def _known(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def _round_step(rough: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
