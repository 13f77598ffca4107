"""Text from outside, made fit to be seen: what is invisible is spelled out."""

import math
import unicodedata

_JOINERS = "\u200c\u200d"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_INVISIBLE = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def visible_text(text: str) -> str:
    r"""The text with control, bidirectional, unassigned and lone surrogate characters escaped.

    Letters of all scripts and emoji stay; zero-width joiners stay, for many scripts need them.

    >>> visible_text("stop\u202e\n")
    'stop\\u202e\\n'
    """
    return "".join(_escaped(letter) if _is_invisible(letter) else letter for letter in text)


def short_text(text: str, limit: int = 80) -> str:
    """Visible text of at most `limit` characters; what is cut off becomes an ellipsis."""
    seen = visible_text(text[: limit + 1])
    return seen if len(seen) <= limit else seen[: limit - 1] + "…"


def percent_text(value: float | None) -> str:
    """A share in whole per cent; only exactly 0 and 1 read "0 %" and "100 %"."""
    if value is None or math.isnan(value):
        return "–"
    rounded = round(100 * value)
    if rounded == 100 and value < 1:
        return ">99 %"
    if rounded == 0 and value != 0:
        return "<1 %" if value > 0 else "−<1 %"
    return f"{rounded} %".replace("-", "−")


def number_text(value: float | None) -> str:
    """A number to three figures with true signs; a missing one is a dash.

    >>> number_text(-3.1e-8)
    '−3.1 × 10⁻⁸'
    """
    if value is None or math.isnan(value):
        return "–"
    figures, _, power = f"{value:.3g}".replace("-", "−").partition("e")
    if not power:
        return figures
    return f"{figures} × 10{str(int(power.replace('−', '-'))).translate(_SUPERSCRIPTS)}"


def _is_invisible(letter: str) -> bool:
    return letter not in _JOINERS and unicodedata.category(letter) in _INVISIBLE


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
