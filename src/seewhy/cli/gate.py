"""Gating on an audit: conditions on the command line, their outcomes, and exit code 4."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seewhy.audit.gates import (
    Condition,
    Finding,
    check_conditions,
    read_conditions,
    write_junit,
)
from seewhy.audit.schema import AuditDocument
from seewhy.base.errors import UsageError
from seewhy.cli.console import show
from seewhy.data.concepts import load_concepts

TRIPPED = 4
"""The exit code when a condition of --fail-on is met, or could not be measured."""

JUNIT_FILE = "junit.xml"
_WORDS: dict[Finding, str] = {"passed": "passed", "tripped": "FAILED", "unmeasured": "FAILED"}


@dataclass(frozen=True)
class Gate:
    """Conditions, and where their outcomes are written."""

    conditions: Sequence[Condition]
    path: Path

    def passes(self, document: AuditDocument) -> bool:
        """Check, write and show every condition; whether none stands against the audit."""
        if not self.conditions:
            return True
        outcomes = check_conditions(document, self.conditions)
        write_junit(outcomes, self.path, created=document.created)
        for outcome in outcomes:
            style = "" if outcome.passes else "bold red"
            show(
                f"gate     {_WORDS[outcome.finding]}: {outcome.condition.text} "
                f"[{outcome.model}] {outcome.message}",
                style=style,
            )
        show(f"junit    {self.path}")
        return all(outcome.passes for outcome in outcomes)


def asked_gate(
    fail_on: Sequence[str] | None, captions: Path, *, junit: Path | None, output: Path
) -> Gate:
    """The gate that the options ask for; reads the concept groups to know their names.

    Raises `UsageError` for conditions that cannot be, and for --junit without a condition.
    """
    if junit is not None and not fail_on:
        raise UsageError("--junit writes the outcomes of --fail-on; give a condition too.")
    conditions = read_conditions(fail_on, load_concepts(captions).names) if fail_on else ()
    return Gate(conditions, junit or output / JUNIT_FILE)
