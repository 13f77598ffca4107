"""The summary of an audit in the terminal."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from seewhy.audit import wording
from seewhy.audit.schema import (
    AuditDocument,
    Baseline,
    Change,
    Estimate,
    FieldLoss,
    ModelChange,
    Verdict,
)
from seewhy.cli.console import show, show_table
from seewhy.results.text import percent_text


def show_summary(document: AuditDocument, report: Path) -> None:
    """Print verdicts, shares, doubts, what was left out, and where the report is."""
    field = {details.model: details.field for details in document.details}
    for verdict in document.verdicts:
        _show_verdict(verdict, field.get(verdict.model, {}))
    if document.baseline is not None:
        _show_baseline(document.baseline)
    counts = ", ".join(f"{count} {kind}" for kind, count in document.images.items())
    show(f"images   {counts}")
    for note in document.notes:
        show(f"note     {note}")
    show(f"report   {report}")


def _show_verdict(verdict: Verdict, field: Mapping[str, FieldLoss]) -> None:
    show(f"{verdict.model}: {wording.ruling_text(verdict)}", style="bold")
    show(verdict.sentence)
    show_table(
        (
            (f"  {group}", *_cells(share, verdict.p_values.get(group)))
            for group, share in verdict.shares.items()
        ),
        header=("  group", "share", "p", "95 % interval"),
    )
    worst = wording.worst_loss(field)
    if worst is not None:
        show(f"  field: {wording.loss_text(worst, field[worst])}")
    for line in _doubts(verdict):
        show(line)
    show("")


def _show_baseline(baseline: Baseline) -> None:
    show(f"since the audit of {baseline.created}", style="bold")
    for warning in baseline.warnings:
        show(f"  warning: {warning}")
    for change in baseline.models:
        show(f"{change.model}: {wording.rulings_text(change.dominant_before, change.dominant)}")
        show_table(_change_rows(change), header=("  figure", "then", "now", "difference"))
    show("")


def _change_rows(change: ModelChange) -> Iterator[tuple[str, ...]]:
    figures = {f"share of {group}": share for group, share in change.shares.items()}
    figures["accuracy"] = change.accuracy
    figures |= {f"loss if {group} parts": loss for group, loss in change.losses.items()}
    for name, figure in figures.items():
        if figure.before.value is not None or figure.now.value is not None:
            yield f"  {name}", *_then_and_now(figure)


def _then_and_now(change: Change) -> tuple[str, str, str]:
    return (
        percent_text(change.before.value),
        percent_text(change.now.value),
        wording.change_text(change),
    )


def _cells(share: Estimate, p_value: float | None) -> tuple[str, str, str]:
    if share.value is None:
        return "–", "–", share.reason
    figures = percent_text(share.value), wording.chance_text(p_value)
    if share.low is None or share.high is None:
        return *figures, ""
    return *figures, f"{percent_text(share.low)} to {percent_text(share.high)}"


def _doubts(verdict: Verdict) -> Iterator[str]:
    for control in verdict.controls:
        if control.holds is False:
            yield f"  control {control.name} fails: expected {control.expectation}"
    if verdict.undecided:
        yield from (f"  next: {step}" for step in verdict.next_steps)
