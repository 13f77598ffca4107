"""The summary of an audit in the terminal."""

from collections.abc import Iterator
from pathlib import Path

from seewhy.audit.schema import AuditDocument, Estimate, Verdict
from seewhy.cli.console import show, show_table
from seewhy.results.text import percent_text


def show_summary(document: AuditDocument, report: Path) -> None:
    """Print verdicts, shares, doubts, what was left out, and where the report is."""
    for verdict in document.verdicts:
        _show_verdict(verdict)
    counts = ", ".join(f"{count} {kind}" for kind, count in document.images.items())
    show(f"images   {counts}")
    for note in document.notes:
        show(f"note     {note}")
    show(f"report   {report}")


def _show_verdict(verdict: Verdict) -> None:
    answer = "undecided" if verdict.undecided else verdict.dominant or "undecided"
    show(f"{verdict.model}: {answer}", style="bold")
    show(verdict.sentence)
    show_table(
        ((f"  {group}", *_cells(share)) for group, share in verdict.shares.items()),
        header=("  group", "share", "95 % interval"),
    )
    for line in _doubts(verdict):
        show(line)
    show("")


def _cells(share: Estimate) -> tuple[str, str]:
    if share.value is None:
        return "unknown", share.reason
    if share.low is None or share.high is None:
        return percent_text(share.value), ""
    return percent_text(share.value), f"{percent_text(share.low)} to {percent_text(share.high)}"


def _doubts(verdict: Verdict) -> Iterator[str]:
    for control in verdict.controls:
        if control.holds is False:
            yield f"  control {control.name} fails: expected {control.expectation}"
    if verdict.undecided:
        yield from (f"  next: {step}" for step in verdict.next_steps)
