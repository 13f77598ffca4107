"""From evidence rows and controls to a verdict, or to "undecided"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from seewhy.audit.evidence import CONSTANT, Shares, estimate, estimates
from seewhy.audit.flips import NEGLIGIBLE
from seewhy.audit.schema import Control, Estimate, EvidenceRow, RowName, Verdict

LEAST_EFFECT = 0.1

Combination = Literal["counterfactuals first", "mean"]


@dataclass(frozen=True)
class Guessing:
    """Right answers where a group's value goes with the class, and their chance by guessing."""

    right: int
    images: int
    p_value: float


@dataclass(frozen=True)
class Combined:
    """The voting rows together, per group, with bootstrap draws.

    `p_values` are the chance of each share if the decision ignored the group; `constant` marks
    groups that do not vary in the images, `known` those that any voting row measured. `speakers`
    are, per group, the names of the rows whose word counts.
    """

    points: Float[np.ndarray, " groups"]
    draws: Float[np.ndarray, "groups resamples"]
    p_values: Float[np.ndarray, " groups"]
    known: tuple[bool, ...]
    constant: tuple[bool, ...]
    speakers: tuple[frozenset[RowName], ...]


def combine(
    rows: Sequence[Shares], combination: Combination = "counterfactuals first"
) -> Combined | None:
    """One share per group from the voting rows; None without votes.

    Where counterfactuals measured a group they alone speak for it, as they hold all else still;
    the other rows are averaged for the groups that are left. "mean" averages all rows. On models
    whose reason is known that was right most often, see docs/validity.md.
    """
    voting = [row for row in rows if row.row.votes]
    if not voting:
        return None
    constant = _constant(voting)
    weights = _weights(voting, constant, combination)
    known = weights.sum(axis=0) > 0
    draws = np.asarray(sum(w[:, None] * row.draws for w, row in zip(weights, voting, strict=True)))
    return Combined(
        points=np.asarray(sum(w * row.points for w, row in zip(weights, voting, strict=True))),
        draws=draws,
        p_values=np.where(known, _p_values(voting, weights, draws), 1.0),
        known=tuple(known.tolist()),
        constant=tuple(constant.tolist()),
        speakers=tuple(
            frozenset(row.row.name for row, own in zip(voting, column, strict=True) if own > 0)
            for column in weights.T
        ),
    )


def _constant(voting: Sequence[Shares]) -> Bool[np.ndarray, " groups"]:
    told = [np.array(row.constant) for row in voting if row.constant]
    return np.any(told, axis=0) if told else np.zeros(len(voting[0].points), dtype=bool)


def _weights(
    voting: Sequence[Shares],
    constant: Bool[np.ndarray, " groups"],
    combination: Combination,
) -> Float[np.ndarray, "rows groups"]:
    """Each row's weight per group; they sum to 1, or to 0 where no row measured the group."""
    known = np.array([row.known for row in voting], dtype=float) * ~constant
    if combination == "counterfactuals first":
        first = np.array([row.row.name == "counterfactuals" for row in voting])
        known[~first] *= ~known[first].any(axis=0)
    return np.asarray(known / np.maximum(known.sum(axis=0), 1))


def _p_values(
    voting: Sequence[Shares],
    weights: Float[np.ndarray, "rows groups"],
    draws: Float[np.ndarray, "groups resamples"],
) -> Float[np.ndarray, " groups"]:
    """The test of the row that speaks for the group, or else how many draws are negligible."""
    p_values = (1 + (draws <= NEGLIGIBLE).sum(axis=1)) / (1 + draws.shape[1])
    for row, own in zip(voting, weights, strict=True):
        if row.p_values is not None:
            p_values = np.where(own == 1, row.p_values, p_values)
    return np.asarray(p_values)


@dataclass(frozen=True)
class Case:
    """All that is known about one model; `rows` may vote, `silent` rows are only shown.

    `p_value` is the chance that answers of an untrained copy vary as much, None if not asked.
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


def judge(
    case: Case, *, level: float, combination: Combination = "counterfactuals first"
) -> Verdict:
    """The verdict on one model.

    A group is relied on when its share is at least 0.1 and unlikely (at most `level`) if the
    decision ignored it. There is a verdict when some group is, no row names another one for which
    it speaks, the answers vary more than those of untrained copies, every control that can fail
    holds, no group that varies went unmeasured, and the answers are better than guessing where the
    leading group goes with the class (as far as labels tell). The leading group is dominant when
    it leads by at least 0.1 with an interval above zero.
    """
    combined = combine(case.rows, combination)
    if combined is None:
        return _no_votes(case)
    order = np.argsort(-combined.points, kind="stable")
    counts = (combined.p_values <= level) & (combined.points >= LEAST_EFFECT)
    relied_on = [case.groups[g] for g in order if counts[g]]
    # A share that may well be chance leads nothing.
    order = order[np.argsort(~counts[order], kind="stable")]
    leader = case.groups[order[0]]
    doubts = [
        *_unmeasured_doubts(case.groups, combined),
        *_guessing_doubts(leader, case.guessing.get(leader), level),
        *_untrained_doubts(case.p_value, level),
        *_reliance_doubts(leader, relied_on, case, combined),
        *(f"Control failed: {each.name}." for each in case.controls if each.holds is False),
    ]
    lead = _lead(combined, order)
    leads = (lead.value or 0) >= LEAST_EFFECT and (lead.low or 0) > 0
    named = [] if doubts else [leader] if leads else relied_on
    shares = _shares(case, combined)
    return Verdict(
        model=case.model,
        dominant=named[0] if len(named) == 1 else None,
        undecided=not named,
        effect=lead.value,
        interval=(lead.low or 0.0, lead.high or 0.0),
        p_value=case.p_value,
        shares=shares,
        relied_on=[] if doubts else relied_on,
        p_values=dict(zip(case.groups, map(float, combined.p_values), strict=True)),
        sentence=_sentence(case.model, named, shares)
        if named
        else _undecided_sentence(case.model, doubts[0]),
        reason=_agreement(case.rows, named, relied_on) if named else " ".join(doubts),
        next_steps=_next_steps(named, case.rows),
        evidence=case.evidence,
        controls=list(case.controls),
    )


def _lead(combined: Combined, order: Int[np.ndarray, " groups"]) -> Estimate:
    """How far the leading group is ahead of the largest other share."""
    first, others = order[0], order[1:]
    second = others[combined.points[others].argmax()]
    return estimate(
        combined.points[first] - combined.points[second],
        combined.draws[first] - combined.draws[second],
        0,
    )


def _shares(case: Case, combined: Combined) -> dict[str, Estimate]:
    images = max(share.images for row in case.rows for share in row.row.shares.values())
    shares = estimates(case.groups, combined.points, combined.draws, images)
    for group, known, constant in zip(case.groups, combined.known, combined.constant, strict=True):
        if not known:
            reason = CONSTANT if constant else "no voting row measures it"
            shares[group] = Estimate(value=None, reason=reason)
    return shares


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
        next_steps=_next_steps([], case.rows),
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
    return [f"The answers of untrained copies of the model vary as much (p = {p_value:.2g})."]


def _unmeasured_doubts(groups: Sequence[str], combined: Combined) -> list[str]:
    """A group that varies and that nobody measured may be what the decision goes by."""
    told = zip(groups, combined.known, combined.constant, strict=True)
    return [
        f"No voting row measures {group}."
        for group, known, constant in told
        if not (known or constant)
    ]


def _reliance_doubts(
    leader: str, relied_on: Sequence[str], case: Case, combined: Combined
) -> list[str]:
    if not relied_on:
        return [f"Not even {leader} accounts for more than a decision that ignores it would give."]
    speakers = dict(zip(case.groups, combined.speakers, strict=True))
    against = [
        row.row.name
        for row in case.rows
        if row.row.dominant is not None
        and row.row.dominant not in (leader, *relied_on)
        and row.row.name in speakers[row.row.dominant]
    ]
    if against:
        return [f"The evidence disagrees: another group is named by {', '.join(against)}."]
    return []


def _undecided_sentence(model: str, doubt: str) -> str:
    return f"Undecided: the evidence does not say what {model} relies on. {doubt}"


def _sentence(model: str, named: Sequence[str], shares: Mapping[str, Estimate]) -> str:
    parts = [f"{100 * (shares[group].value or 0):.0f} % to {group}" for group in named]
    if len(named) > 1:
        return (
            f"{model} decides by {_listed(named)} together: {_listed(parts)} of its decision goes "
            "back to each, and none leads."
        )
    others = {g: s.value for g, s in shares.items() if g not in named and s.value is not None}
    second = max(others, key=lambda group: others[group], default=None)
    rest = f", {100 * others[second]:.0f} % to {second}" if second is not None else ""
    return (
        f"{model} decides by {named[0]}: {100 * (shares[named[0]].value or 0):.0f} % of its "
        f"decision goes back to {named[0]}{rest}."
    )


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _agreement(rows: Sequence[Shares], named: Sequence[str], relied_on: Sequence[str]) -> str:
    voting = [row.row for row in rows if row.row.votes]
    agreeing = [row.name for row in voting if row.dominant in named]
    other = [
        f"{row.name} names {row.dominant}"
        for row in voting
        if row.dominant not in (None, *relied_on)
    ]
    against = (
        f"{_listed(other)}, for which another row speaks"
        if other
        else "none names a group that is not relied on"
    )
    return (
        f"{len(agreeing)} of {len(voting)} voting rows name {' or '.join(named)} on their own "
        f"({', '.join(agreeing) or 'none'}); {against}."
    )


def _next_steps(named: Sequence[str], rows: Sequence[Shares]) -> list[str]:
    if named:
        what = _listed(named)
        return [
            f"If {what} is what the class means, nothing is wrong. If it is not, collect or "
            f"make training images in which {what} does not go with the class.",
            f"Look at the images below whose answer changes with {what} alone.",
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
