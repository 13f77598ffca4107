"""How right readings are about planted classifiers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from seewhy.audit.comparison import Kind, Said, TaskReport
from seewhy.audit.planted import IGNORED, RELIED, Truth
from seewhy.audit.schema import Estimate, Record
from seewhy.data.plants import Role

SAME = 0.15
"""Attributes whose flips cost nearly as much as the costliest are as right an answer as it is."""
LEVEL = 0.05
LEAST_STRENGTH = 0.1
"""What a reading without p-values has to show of a group before that counts as an alarm."""

HELD_OUT_ATTRIBUTES = frozenset({"texture", "size", "background colour"})
HELD_OUT_FAMILIES = frozenset({"convnext"})
"""Nothing in the audit was chosen by looking at these."""

_NORMAL = 1.96
"""Standard errors on either side of a 95 % interval."""


@dataclass(frozen=True)
class Case:
    """One answer about one model, beside the truth."""

    said: Said
    truth: Truth
    roles: Mapping[str, Role]
    relied: tuple[str, ...]

    @property
    def is_held_out(self) -> bool:
        """Whether an attribute that was planted, or the architecture, was held out."""
        return _is_held_out(self.said.family, self.relied)

    @property
    def is_right(self) -> bool:
        """Whether it names what the decision relies on most.

        One name is right when flipping it costs at most 0.15 less than the costliest flip.
        Several are when each is relied on and one of them is right alone.
        """
        drops = {a: self.truth.drops[a] for a, role in self.roles.items() if role != "absent"}
        most = max(drops.values())
        nearly = {attribute for attribute, drop in drops.items() if drop >= most - SAME}
        named = self.said.named
        return bool(nearly.intersection(named)) and (
            len(named) == 1 or all(drops.get(name, 0) >= RELIED for name in named)
        )

    def relies(self, attribute: str) -> bool | None:
        """Whether the decision relies on an attribute; None where the truth is in doubt.

        Planted attributes whose flip costs a quarter of the answers or more are relied on;
        attributes of any role whose flip costs at most 5 % are not.
        """
        drop = self.truth.drops[attribute]
        if abs(drop) <= IGNORED:
            return False
        is_planted = self.roles[attribute] not in {"unused", "absent"}
        return True if is_planted and drop >= RELIED else None

    def strength(self, attribute: str) -> float:
        """The strength said, 0 where nothing could be said."""
        return self.said.strength[attribute] or 0.0

    def alarm(self, attribute: str, *, level: float = LEVEL) -> bool:
        """Whether the reading takes the decision to rely on the attribute."""
        if self.said.p_values:
            return self.said.p_values[attribute] <= level and self.strength(attribute) > 0
        return self.strength(attribute) >= LEAST_STRENGTH


def _is_held_out(family: str, relied: Iterable[str]) -> bool:
    return family in HELD_OUT_FAMILIES or not HELD_OUT_ATTRIBUTES.isdisjoint(relied)


class Score(Record):
    """How right a reading is on some cases; None where it cannot be said.

    `right` is the share of right names among the decided cases. `auroc` tells relied-on from
    ignored attributes by strength; `rank_correlation` is Spearman's, between what flipping an
    attribute costs and the strength said, 0 where there was no alarm. `false_alarms` are among
    ignored attributes at level 0.05, split into those that vary unused and absent ones; `found`
    are alarms among those relied on. `p_below` says how often p-values of ignored attributes
    are at most 0.01, 0.05, 0.1, 0.2.
    """

    reading: str
    models: int
    decided: float
    right: float | None
    auroc: float | None
    rank_correlation: float | None
    false_alarms: float | None
    false_alarms_unused: float | None
    false_alarms_absent: float | None
    found: float | None
    p_below: dict[str, float]
    seconds: float


def cases_of(reports: Iterable[TaskReport], reading: str, *, kind: Kind = "trained") -> list[Case]:
    """What a reading said of all models that learned their task."""
    return [
        Case(said, report.truths[said.case], report.roles, tuple(report.relied))
        for report in reports
        for said in report.said
        if said.reading == reading and said.kind == kind and report.truths[said.case].learned
    ]


def score(reading: str, cases: Sequence[Case], *, attributes: Iterable[str] | None = None) -> Score:
    """The score on some cases, figures per attribute on these attributes alone."""
    chosen = set(attributes) if attributes is not None else None
    decided = [case for case in cases if case.said.named]
    pairs = [
        (case, attribute)
        for case in cases
        for attribute in case.roles
        if chosen is None or attribute in chosen
    ]
    sure = [(case, a) for case, a in pairs if case.relies(a) is not None]
    ignored = [(case, a) for case, a in sure if not case.relies(a)]
    return Score(
        reading=reading,
        models=len(cases),
        decided=len(decided) / max(len(cases), 1),
        right=_mean(case.is_right for case in decided),
        auroc=_auroc(sure),
        rank_correlation=_rank_correlation(sure),
        false_alarms=_mean(case.alarm(a) for case, a in ignored),
        false_alarms_unused=_mean(
            case.alarm(a) for case, a in ignored if case.roles[a] != "absent"
        ),
        false_alarms_absent=_mean(
            case.alarm(a) for case, a in ignored if case.roles[a] == "absent"
        ),
        found=_mean(case.alarm(a) for case, a in sure if case.relies(a)),
        p_below={
            f"{level:g}": float(np.mean([c.said.p_values[a] <= level for c, a in ignored]))
            for level in (0.01, 0.05, 0.1, 0.2)
            if ignored and all(case.said.p_values for case, _ in ignored)
        },
        seconds=float(np.mean([case.said.seconds for case in cases])) if cases else 0.0,
    )


@dataclass(frozen=True)
class SplitScores:
    """A reading's score on all cases, on those that choices were made by, and on the others."""

    everything: Score
    chosen_by: Score
    held_out: Score


def split_scores(cases: Sequence[Case], reading: str) -> SplitScores:
    """Cases with anything held out count among the others, with all of their attributes."""
    known = [
        attribute
        for attribute in (cases[0].roles if cases else ())
        if attribute not in HELD_OUT_ATTRIBUTES
    ]
    return SplitScores(
        everything=score(reading, cases),
        chosen_by=score(
            reading, [case for case in cases if not case.is_held_out], attributes=known
        ),
        held_out=score(reading, [case for case in cases if case.is_held_out]),
    )


class Fold(Record):
    """What would have been chosen without an attribute or architecture, and how it does there."""

    left_out: str
    chosen: str
    decided: float
    right: float | None


def cross_validated(
    reports: Sequence[TaskReport], candidates: Sequence[str], attributes: Sequence[str]
) -> list[Fold]:
    """Choose between candidates without one attribute or architecture, and score them there.

    A candidate's worth is the share of right names less the share of wrong ones, of all cases.
    Held-out attributes and architectures take part in nothing here.
    """
    said = {
        name: [case for case in cases_of(reports, name) if not case.is_held_out]
        for name in candidates
    }
    families = sorted({case.said.family for cases in said.values() for case in cases})
    tests: list[tuple[str, Callable[[Case], bool]]] = [
        *((a, _planted(a)) for a in attributes if a not in HELD_OUT_ATTRIBUTES),
        *((family, _built(family)) for family in families),
    ]
    folds = []
    for left_out, is_left_out in tests:
        best = max(
            candidates,
            key=lambda name: _worth([c for c in said[name] if not is_left_out(c)]),
        )
        result = score(best, [case for case in said[best] if is_left_out(case)])
        folds.append(
            Fold(left_out=left_out, chosen=best, decided=result.decided, right=result.right)
        )
    return folds


def _planted(attribute: str) -> Callable[[Case], bool]:
    return lambda case: attribute in case.relied


def _built(family: str) -> Callable[[Case], bool]:
    return lambda case: case.said.family == family


def _worth(cases: Sequence[Case]) -> float:
    named = [case.is_right for case in cases if case.said.named]
    return (sum(named) - (len(named) - sum(named))) / max(len(cases), 1)


class FieldScore(Record):
    """How near the predicted losses of accuracy in the field are to the true ones.

    Only attributes that always went with the class in the images. `error` is the mean absolute
    error, `biased` the mean of predicted less true, both -1 to 1; `covered` is the share of
    95 % intervals, widened by the truth's own error, that hold the truth.
    """

    attributes: int
    predicted: float | None
    error: float | None
    biased: float | None
    covered: float | None
    rank_correlation: float | None


def field_score(reports: Iterable[TaskReport], *, held_out: bool | None = None) -> FieldScore:
    """Predicted against true losses; of held-out cases only, of the others only, or of all.

    Where every value is as frequent as every class, values that come independently of the class
    go against it in 1 - 1 / classes of the images. The true loss is this share of what flipping
    the attribute costs.
    """
    pairs = [
        (loss, report.truths[case], attribute, 1 - 1 / report.classes)
        for report in reports
        for case, losses in report.losses.items()
        for attribute, loss in losses.items()
        if report.roles[attribute] in {"full", "twin"}
        and report.truths[case].learned
        and held_out in {None, _is_held_out(case.split(":")[0], report.relied)}
    ]
    known = [
        (loss, share * truth.drops[attribute], share * _standard_error(truth, attribute))
        for loss, truth, attribute, share in pairs
        if loss.value is not None
    ]
    said = _figures(loss.value or 0.0 for loss, _, _ in known)
    true = _figures(value for _, value, _ in known)
    return FieldScore(
        attributes=len(pairs),
        predicted=len(known) / len(pairs) if pairs else None,
        error=float(np.abs(said - true).mean()) if known else None,
        biased=float((said - true).mean()) if known else None,
        covered=_mean(_holds(loss, value, error) for loss, value, error in known),
        rank_correlation=_spearman(said, true),
    )


def _holds(loss: Estimate, value: float, error: float) -> bool:
    """Whether the interval holds a truth that is known up to a standard error."""
    if loss.value is None or loss.low is None or loss.high is None:
        return False
    below = np.hypot(loss.value - loss.low, _NORMAL * error)
    above = np.hypot(loss.high - loss.value, _NORMAL * error)
    return bool(loss.value - below <= value <= loss.value + above)


def _standard_error(truth: Truth, attribute: str) -> float:
    """Of a difference of two accuracies, never taken for none."""
    flipped = truth.accuracy - truth.drops[attribute]
    parts = [share * (1 - share) for share in (truth.accuracy, flipped)]
    return float(np.sqrt(max(sum(parts), 1 / truth.images) / truth.images))


def _mean(flags: Iterable[bool]) -> float | None:
    values = list(flags)
    return float(np.mean(values)) if values else None


def _auroc(pairs: Sequence[tuple[Case, str]]) -> float | None:
    from sklearn.metrics import roc_auc_score

    truth = [bool(case.relies(attribute)) for case, attribute in pairs]
    if len(set(truth)) < 2:
        return None
    return float(roc_auc_score(truth, [case.strength(attribute) for case, attribute in pairs]))


def _rank_correlation(pairs: Sequence[tuple[Case, str]]) -> float | None:
    return _spearman(
        _figures((case.strength(a) if case.alarm(a) else 0.0) for case, a in pairs),
        _figures(max(case.truth.drops[a], 0.0) for case, a in pairs),
    )


def _spearman(
    said: Float[np.ndarray, " values"], truth: Float[np.ndarray, " values"]
) -> float | None:
    from scipy.stats import spearmanr

    if len(said) < 3 or np.ptp(said) == 0 or np.ptp(truth) == 0:
        return None
    return float(spearmanr(said, truth).statistic)


def _figures(values: Iterable[float]) -> Float[np.ndarray, " values"]:
    return np.array(list(values), dtype=float)
