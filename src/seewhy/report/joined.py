"""Two lists side by side, and a line from each text to itself on the other side."""

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from seewhy.results.text import short_text, visible_text

_ROW, _TOP = 19, 30
_LEFT, _RIGHT = 38, 62
_LONGEST = 40


@dataclass(frozen=True)
class TextList:
    """A heading and texts in their order, each different from the others."""

    title: str
    texts: tuple[str, ...]


def joined_lists(first: TextList, second: TextList) -> Markup:
    """A drawing as high as the longer list; texts of both are bold, and lines show their ranks.

    Long texts are cut in the drawing and whole in what pops up over them.
    """
    places = {text: place for place, text in enumerate(second.texts)}
    both = places.keys() & set(first.texts)
    height = _TOP + _ROW * max(len(first.texts), len(second.texts), 1)
    lines = Markup("").join(
        Markup(
            '<path d="M0 {0}C50 {0} 50 {1} 100 {1}" vector-effect="non-scaling-stroke"/>'
        ).format(_down(place), _down(places[text]))
        for place, text in enumerate(first.texts)
        if text in both
    )
    return Markup(
        '<svg class="joined" role="img" width="100%" height="{0}"><title>{1}</title>'
        '<svg x="{2}%" width="{3}%" height="{0}" viewBox="0 0 100 {0}" preserveAspectRatio="none">'
        "{4}</svg>{5}{6}</svg>"
    ).format(
        height,
        _summary(first, second, len(both)),
        _LEFT + 1,
        _RIGHT - _LEFT - 2,
        lines,
        Markup("").join(_side(first, both, "end")),
        Markup("").join(_side(second, both, "start")),
    )


def _side(listed: TextList, both: set[str], anchor: str) -> Iterator[Markup]:
    is_left = anchor == "end"
    edge, step = (_LEFT, -14) if is_left else (_RIGHT, 14)
    yield Markup('<text class="head" x="{}%" y="14" dx="{}" text-anchor="{}">{}</text>').format(
        edge, step, anchor, short_text(listed.title, _LONGEST)
    )
    for place, text in enumerate(listed.texts):
        yield Markup(
            '<g class="{}"><circle cx="{}%" cy="{}" r="3"/>'
            '<text x="{}%" y="{}" dx="{}" dy="4.5" text-anchor="{}">{}<title>{}</title></text></g>'
        ).format(
            "both" if text in both else "alone",
            edge,
            _down(place),
            edge,
            _down(place),
            step,
            anchor,
            short_text(text, _LONGEST),
            visible_text(f"{place + 1}. {text}"),
        )


def _down(place: int) -> int:
    return _TOP + _ROW * place + _ROW // 2


def _summary(first: TextList, second: TextList, both: int) -> str:
    return (
        f"{short_text(first.title)}: {len(first.texts)} texts; {short_text(second.title)}: "
        f"{len(second.texts)}; {both} in both"
    )
