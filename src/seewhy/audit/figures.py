"""The audit's figures: the same parts as on the page, drawn for papers and slides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from seewhy.audit import wording
from seewhy.audit.parts import (
    NO_GROUP,
    flip_scores,
    matching_curve,
    readable_curve,
    share_scores,
    similarity_colours,
    similarity_curves,
)
from seewhy.audit.schema import AuditDocument, ModelDetails, Verdict
from seewhy.report.figures import Panel, draw_panels
from seewhy.results.palette import colour_index
from seewhy.results.text import short_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MAX_COLUMNS = 3


def audit_figures(document: AuditDocument) -> Iterator[tuple[str, "Figure"]]:
    """Name and figure, one after another, so that only one is held in memory.

    Figures of stages come once per model, numbered from 1 in the order of the verdicts.
    """
    colours = {name: colour_index(number) for number, name in enumerate(document.groups)}
    yield "shares", _side_by_side([_shares(verdict, colours) for verdict in document.verdicts])
    if any(details.interventions for details in document.details):
        panels = [_interventions(details, colours) for details in document.details]
        yield "interventions", _side_by_side(panels)
    for number, details in enumerate(document.details, start=1):
        if details.layers:
            yield f"similarity-{number}", _similarities(document, details)
            yield f"readable-{number}", _readable(details, colours)
        if details.matching:
            yield f"matching-{number}", _matching(details)


def _shares(verdict: Verdict, colours: Mapping[str, int]) -> Panel:
    part = share_scores(verdict)
    said = short_text(wording.ruling_text(verdict), 32)
    return Panel(
        replace(part, title=f"What {short_text(verdict.model, 32)} decides by: {said}"),
        tuple(colours.get(name, NO_GROUP) for name in part.names),
    )


def _interventions(details: ModelDetails, colours: Mapping[str, int]) -> Panel:
    part = flip_scores(details)
    return Panel(
        replace(part, title=f"{short_text(details.model, 32)}: decisions that change"),
        tuple(colours.get(row.removes or "", NO_GROUP) for row in details.interventions),
    )


def _similarities(document: AuditDocument, details: ModelDetails) -> "Figure":
    panels = [
        Panel(curve, similarity_colours(curve, colour_index(number)))
        for number, curve in enumerate(similarity_curves(details, document.groups))
    ]
    title = f"{short_text(details.model, 32)}: mean similarity of each caption"
    return draw_panels(panels, title=title, columns=_MAX_COLUMNS)


def _readable(details: ModelDetails, colours: Mapping[str, int]) -> "Figure":
    curve = readable_curve(details)
    panel = Panel(
        replace(curve, title=f"{short_text(details.model, 32)}: right value still read"),
        tuple(colours.get(name, NO_GROUP) for name in curve.names),
    )
    return draw_panels([panel])


def _matching(details: ModelDetails) -> "Figure":
    curve = replace(
        matching_curve(details),
        title=f"{short_text(details.model, 32)}: correlation of the matches",
    )
    return draw_panels([Panel(curve, (0, NO_GROUP))])


def _side_by_side(panels: Sequence[Panel]) -> "Figure":
    return draw_panels(panels, columns=min(len(panels), 2))
