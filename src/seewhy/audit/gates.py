"""Conditions under which an audit does not pass, for pipelines that gate on it."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree

from seewhy.audit.schema import YOUR_IMAGES, AuditDocument, Estimate, ModelDetails, Verdict
from seewhy.base.errors import InternalError, UsageError
from seewhy.results.files import output_folder, write_bytes
from seewhy.results.text import percent_text, visible_text

Subject = Literal["share", "accuracy", "loss", "undecided", "dominant", "relied"]
Sign = Literal[">", ">=", "<", "<="]
Finding = Literal["passed", "tripped", "unmeasured"]

SHAPES = (
    "'GROUP>0.3', 'share(GROUP)>0.3', 'loss(GROUP)>0.1', 'accuracy<0.9' (signs > >= < <=), "
    "'undecided', 'dominant=GROUP' or 'relied=GROUP'"
)

_COMPARED = re.compile(r"(?P<left>.+?)\s*(?P<sign>>=|<=|>|<)\s*(?P<limit>[^<>=]+)")
_NAMED = re.compile(r"(?P<subject>share|loss)\s*\((?P<group>.*)\)")
_IN_VERDICT = re.compile(r"(?P<subject>dominant|relied)\s*=\s*(?P<group>.+)")
_WORDS: Mapping[Subject, str] = {
    "share": "share of the decision that goes back to {group}",
    "accuracy": "accuracy on your images",
    "loss": "predicted loss of accuracy if {group} no longer goes with the class",
}


@dataclass(frozen=True)
class Condition:
    """What must not be the case; a figure (-1 to 1) and its limit, or a word on the verdict."""

    text: str
    subject: Subject
    group: str = ""
    sign: Sign = ">"
    limit: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """One condition on one model; what could not be measured does not pass."""

    model: str
    condition: Condition
    finding: Finding
    message: str

    @property
    def passes(self) -> bool:
        """Whether the model may go on."""
        return self.finding == "passed"


def read_conditions(texts: Iterable[str], groups: Sequence[str]) -> tuple[Condition, ...]:
    """The conditions that the texts mean.

    Raises `UsageError` for a text of another shape, an unknown group or an impossible limit.
    """
    conditions = tuple(_condition(text.strip(), groups) for text in texts)
    seen = [condition.text for condition in conditions]
    for text in seen:
        if seen.count(text) > 1:
            raise UsageError(f"--fail-on {text!r} stands twice; give each condition once.")
    return conditions


def _condition(text: str, groups: Sequence[str]) -> Condition:
    if text == "undecided":
        return Condition(text, "undecided")
    if named := _IN_VERDICT.fullmatch(text):
        place: Subject = "relied" if named["subject"] == "relied" else "dominant"
        return Condition(text, place, _known(named["group"], groups, text))
    compared = _COMPARED.fullmatch(text)
    if compared is None:
        raise UsageError(f"--fail-on {text!r} is no condition; wanted is one such as {SHAPES}.")
    subject, group = _figure_named(compared["left"], groups, text)
    return Condition(text, subject, group, _sign(compared["sign"]), _limit(compared["limit"], text))


def _figure_named(left: str, groups: Sequence[str], text: str) -> tuple[Subject, str]:
    if left == "accuracy":
        return "accuracy", ""
    if named := _NAMED.fullmatch(left):
        subject: Subject = "loss" if named["subject"] == "loss" else "share"
        return subject, _known(named["group"], groups, text)
    return "share", _known(left, groups, text)


def _known(group: str, groups: Sequence[str], text: str) -> str:
    name = group.strip()
    if name not in groups:
        raise UsageError(
            f"--fail-on {text!r} names {name!r}, which is no concept group of this audit; there "
            f"are {', '.join(map(repr, groups))}."
        )
    return name


def _sign(text: str) -> Sign:
    signs: tuple[Sign, ...] = (">", ">=", "<", "<=")
    return next(sign for sign in signs if sign == text)


def _limit(text: str, whole: str) -> float:
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not -1 <= limit <= 1:
        raise UsageError(
            f"--fail-on {whole!r} compares with {text!r}; wanted is a number between -1 and 1, "
            "such as 0.3 for 30 %."
        )
    return limit


def check_conditions(
    document: AuditDocument, conditions: Sequence[Condition]
) -> tuple[Outcome, ...]:
    """Every condition on every model, by the figures as they are, not by their intervals."""
    details = {each.model: each for each in document.details}
    return tuple(
        _outcome(verdict, details.get(verdict.model), condition)
        for verdict in document.verdicts
        for condition in conditions
    )


def figure_of(
    verdict: Verdict, details: ModelDetails | None, condition: Condition
) -> Estimate | None:
    """The figure that a condition asks about; None where the audit has none at all."""
    match condition.subject:
        case "share" | "dominant" | "relied":
            return verdict.shares.get(condition.group)
        case "accuracy":
            return details.accuracy.get(YOUR_IMAGES) if details else None
        case "loss":
            found = details.field.get(condition.group) if details else None
            return found.loss if found else None
        case "undecided":
            return None


def _outcome(verdict: Verdict, details: ModelDetails | None, condition: Condition) -> Outcome:
    if condition.subject == "undecided":
        finding: Finding = "tripped" if verdict.undecided else "passed"
        return Outcome(verdict.model, condition, finding, verdict.sentence)
    figure = figure_of(verdict, details, condition)
    if figure is None or figure.value is None:
        reason = figure.reason if figure and figure.reason else "this audit has no such figure"
        message = f"{_words(condition)} was not measured: {reason}. What is not known cannot pass."
        return Outcome(verdict.model, condition, "unmeasured", _sentence(message))
    if condition.subject in {"dominant", "relied"}:
        named = verdict.relied_on if condition.subject == "relied" else [verdict.dominant]
        finding = "tripped" if condition.group in named else "passed"
        return Outcome(verdict.model, condition, finding, verdict.sentence)
    finding = "tripped" if holds(figure.value, condition.sign, condition.limit) else "passed"
    message = f"{_words(condition)}: {estimate_text(figure)}. {verdict.sentence}"
    return Outcome(verdict.model, condition, finding, _sentence(message))


def holds(value: float, sign: Sign, limit: float) -> bool:
    """Whether the comparison is true."""
    match sign:
        case ">":
            return value > limit
        case ">=":
            return value >= limit
        case "<":
            return value < limit
        case "<=":
            return value <= limit


def estimate_text(figure: Estimate) -> str:
    """A figure with its interval, in per cent."""
    if figure.low is None or figure.high is None:
        return percent_text(figure.value)
    low, high = percent_text(figure.low), percent_text(figure.high)
    return f"{percent_text(figure.value)} (95 % interval {low} to {high})"


def _words(condition: Condition) -> str:
    words = _WORDS.get(condition.subject, "reliance on {group}")
    return words.format(group=condition.group)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def write_junit(outcomes: Sequence[Outcome], path: Path, *, created: str) -> Path:
    """Write the outcomes as JUnit XML: a suite per model, a case per condition."""
    root = ElementTree.Element("testsuites", _counts(outcomes), name="seewhy audit")
    for model in dict.fromkeys(outcome.model for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.model == model]
        suite = ElementTree.SubElement(
            root, "testsuite", _counts(own), name=visible_text(model), timestamp=created
        )
        for outcome in own:
            _add_case(suite, outcome)
    ElementTree.indent(root)
    output_folder(path.parent)
    data = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    if not isinstance(data, bytes):
        raise InternalError("the XML of the gate is no bytes.")
    return write_bytes(path, data + b"\n")


def _counts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    failures = sum(not outcome.passes for outcome in outcomes)
    return {"tests": str(len(outcomes)), "failures": str(failures), "errors": "0", "skipped": "0"}


def _add_case(suite: ElementTree.Element, outcome: Outcome) -> None:
    message = visible_text(outcome.message)
    case = ElementTree.SubElement(
        suite,
        "testcase",
        name=visible_text(outcome.condition.text),
        classname=f"seewhy.audit.{visible_text(outcome.model)}",
    )
    if outcome.passes:
        ElementTree.SubElement(case, "system-out").text = message
    else:
        failure = ElementTree.SubElement(case, "failure", message=message, type=outcome.finding)
        failure.text = message
