"""From evidence rows and controls to a verdict, or to "undecided"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seewhy.audit.controls import exceedance
from seewhy.audit.evidence import Shares, estimate, estimates
from seewhy.audit.schema import Control, Estimate, EvidenceRow, Verdict

LEAST_EFFECT = 0.1


@dataclass(frozen=True)
class Guessing:
    """Right answers where a group's value goes with the class, and their chance by guessing."""

    right: int
    images: int
    p_value: float


@dataclass(frozen=True)
class Combined:
    """The mean of the voting rows, per group, with its bootstrap draws."""

    points: np.ndarray
    draws: np.ndarray
    strength: np.ndarray
    known: tuple[bool, ...]


def combine(rows: Sequence[Shares]) -> Combined | None:
    """Average the voting rows; each group over the rows that measured it. None without votes.

    `strength` is the mean over rows of share times the variance of the probabilities: how much
    of the decisions, in absolute terms, goes back to each group. `known` says which groups any
    voting row measured.
    """
    voting = [row for row in rows if row.row.votes]
    if not voting:
        return None
    weights = np.array([row.known for row in voting], dtype=float)
    known = tuple((weights.sum(axis=0) > 0).tolist())
    weights /= np.maximum(weights.sum(axis=0), 1)
    points = sum(w * row.points for w, row in zip(weights, voting, strict=True))
    draws = sum(w[:, None] * row.draws for w, row in zip(weights, voting, strict=True))
    strength = sum(w * row.points * row.strength for w, row in zip(weights, voting, strict=True))
    return Combined(np.asarray(points), np.asarray(draws), np.asarray(strength), known)


def untrained_p_value(combined: Combined, untrained: Sequence[Sequence[Shares]]) -> float:
    """How likely an untrained copy shows as strong a reliance on any one group."""
    null = []
    for rows in untrained:
        other = combine(rows)
        null.append(0.0 if other is None else float(other.strength.max()))
    return exceedance(float(combined.strength.max()), null)


@dataclass(frozen=True)
class Case:
    """All that is known about one model; `rows` may vote, `silent` rows are only shown.

    `p_value` is the chance of so strong a reliance in untrained copies, None if not asked.
    """

    model: str
    groups: Sequence[str]
    rows: Sequence[Shares]
    silent: Sequence[EvidenceRow]
    p_value: float | None
    controls: Sequence[Control]
    guessing: Mapping[str, Guessing]

    @property
    def evidence(self) -> list[EvidenceRow]:
        """All rows, the silent ones first."""
        return [*self.silent, *(row.row for row in self.rows)]


def judge(case: Case, *, level: float) -> Verdict:
    """The verdict on one model.

    A group is named when it leads by at least 0.1 with an interval above zero, no voting row
    names another, untrained copies do not rely as strongly on anything, every control that can
    fail holds, and the answers are better than guessing where the group goes with the class
    (as far as labels tell).
    """
    combined = combine(case.rows)
    if combined is None:
        return _no_votes(case)
    order = np.argsort(-combined.points)
    dominant, second = (case.groups[position] for position in order[:2])
    ahead = combined.draws[order[0]] - combined.draws[order[1]]
    lead = estimate(combined.points[order[0]] - combined.points[order[1]], ahead, 0)
    unmeasured = [g for g, known in zip(case.groups, combined.known, strict=True) if not known]
    doubts = [
        *(f"No voting row measures {group}." for group in unmeasured),
        *_guessing_doubts(dominant, case.guessing.get(dominant), level),
        *_untrained_doubts(case.p_value, level),
        *_lead_doubts(dominant, second, lead, case.rows),
        *(f"Control failed: {each.name}." for each in case.controls if each.holds is False),
    ]
    images = max(share.images for row in case.rows for share in row.row.shares.values())
    shares = estimates(case.groups, combined.points, combined.draws, images)
    shares |= {
        group: Estimate(value=None, reason="no voting row measures it") for group in unmeasured
    }
    return Verdict(
        model=case.model,
        dominant=None if doubts else dominant,
        undecided=bool(doubts),
        effect=lead.value,
        interval=(lead.low or 0.0, lead.high or 0.0),
        p_value=case.p_value,
        shares=shares,
        sentence=_undecided_sentence(case.model, doubts[0])
        if doubts
        else _sentence(case.model, dominant, second, shares),
        reason=" ".join(doubts) if doubts else _agreement(case.rows, dominant),
        next_steps=_next_steps(dominant, case.rows, doubts),
        evidence=case.evidence,
        controls=list(case.controls),
    )


def _no_votes(case: Case) -> Verdict:
    return Verdict(
        model=case.model,
        dominant=None,
        undecided=True,
        effect=None,
        interval=None,
        p_value=None,
        shares={group: Estimate(value=None, reason="no row votes") for group in case.groups},
        sentence=_undecided_sentence(case.model, "No row of evidence could vote."),
        reason="No row of evidence could vote. " + " ".join(row.row.note for row in case.rows),
        next_steps=_next_steps("", case.rows, ["no row votes"]),
        evidence=case.evidence,
        controls=list(case.controls),
    )


def _guessing_doubts(group: str, guessing: Guessing | None, level: float) -> list[str]:
    if guessing is None or guessing.p_value <= level:
        return []
    return [
        f"Where {group} goes with the class, the model is right on {guessing.right} of "
        f"{guessing.images} images, which guessing could do too."
    ]


def _untrained_doubts(p_value: float | None, level: float) -> list[str]:
    if p_value is None or p_value <= level:
        return []
    return [f"Untrained copies of the model rely as strongly on something (p = {p_value:.2g})."]


def _lead_doubts(dominant: str, second: str, lead: Estimate, rows: Sequence[Shares]) -> list[str]:
    doubts = []
    if (lead.value or 0) < LEAST_EFFECT or (lead.low or 0) <= 0:
        doubts.append(f"{dominant} does not lead {second} clearly.")
    against = [row.row.name for row in rows if row.row.dominant not in (None, dominant)]
    if against:
        doubts.append(f"The evidence disagrees: another group is named by {', '.join(against)}.")
    return doubts


def _undecided_sentence(model: str, doubt: str) -> str:
    return f"Undecided: the evidence does not say what {model} relies on. {doubt}"


def _sentence(model: str, dominant: str, second: str, shares: Mapping[str, Estimate]) -> str:
    first, other = (100 * (shares[group].value or 0) for group in (dominant, second))
    return (
        f"{model} decides by {dominant}: {first:.0f} % of its decision goes back to {dominant}, "
        f"{other:.0f} % to {second}."
    )


def _agreement(rows: Sequence[Shares], dominant: str) -> str:
    agreeing = [row.row.name for row in rows if row.row.dominant == dominant]
    voting = [row.row.name for row in rows if row.row.votes]
    return (
        f"{len(agreeing)} of {len(voting)} voting rows name {dominant} on their own "
        f"({', '.join(agreeing) or 'none'}); none names another group."
    )


def _next_steps(dominant: str, rows: Sequence[Shares], doubts: Sequence[str]) -> list[str]:
    if not doubts:
        return [
            f"If {dominant} is what the class means, nothing is wrong. If it is not, collect or "
            f"make training images in which {dominant} does not go with the class.",
            f"Look at the images below whose answer changes with {dominant} alone.",
            "After retraining, audit both models on the same images with --compare.",
        ]
    steps = []
    if not any(row.row.votes for row in rows if row.row.name == "decision-share"):
        steps.append(
            "Add images in which the concepts do not go together, or give probe images of your "
            "field (--probe)."
        )
    steps.append("Check that the captions name what varies in your images, and add images.")
    steps.append("Check the accuracy first: a model that guesses has nothing to explain.")
    return steps
