"""Figures of edits in words."""

from math import exp, log

from seewhy.results.text import number_text

_LARGEST = log(10_000)
_WHOLE = 100


def odds_text(gain: float | None) -> str:
    """How much likelier a caption is with an edit than without; nothing where that is unknown.

    >>> odds_text(2.0)
    '7.39 times likelier'
    """
    if gain is None:
        return ""
    return f"{_times(abs(gain))} times {'likelier' if gain >= 0 else 'less likely'}"


def _times(gain: float) -> str:
    if gain > _LARGEST:
        return ">10,000"
    times = exp(gain)
    return number_text(times) if times < _WHOLE else f"{times:,.0f}"
