"""The rows of evidence that vote: decision shares and interventions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped

from seewhy.audit.readings import ORIGINAL, Readings, concept_features
from seewhy.audit.schema import Estimate, EvidenceRow, RowName
from seewhy.audit.shares import (
    Outcomes,
    bootstrap_indices,
    decompose,
    ratio_of_sums,
    separability,
    total_effect,
)
from seewhy.data.concepts import ConceptGroups

SELECTIVE_CHANGE = 0.3
SELECTIVE_FACTOR = 2.0
SEPARABLE = 0.2
EXPLAINED = 0.1
FEWEST_IMAGES = 20
CONSTANT = "does not vary in your images"
_NEVER = 1e-14

Draws = Float[np.ndarray, "groups resamples"]


@dataclass(frozen=True)
class Shares:
    """A row of evidence with its bootstrap draws, in the order of the concept groups.

    `p_values` are there where the row has a
    test of its own; `constant` marks groups that do not vary in its images.
    """

    row: EvidenceRow
    points: Float[np.ndarray, " groups"]
    draws: Draws
    known: tuple[bool, ...]
    p_values: Float[np.ndarray, " groups"] | None = None
    constant: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Resamples:
    """Bootstrap positions, the same for every row on the same images."""

    yours: Int[np.ndarray, "resamples images"]
    probe: Int[np.ndarray, "resamples probes"]

    @classmethod
    def draw(cls, yours: int, probe: int, *, resamples: int, seed: int) -> "Resamples":
        """Positions for both image sets."""
        generator = np.random.default_rng([seed, 0xB007])
        return cls(
            bootstrap_indices(yours, resamples, generator),
            bootstrap_indices(probe, resamples, generator),
        )


def decision_share(
    readings: Readings,
    model: str,
    concepts: ConceptGroups,
    *,
    resamples: Int[np.ndarray, "resamples images"],
    name: RowName,
    seed: int,
) -> Shares:
    """Unique share of the variance of the class probabilities that each group explains.

    The row votes when the captions explain at least a tenth of the variance and the images tell
    the groups apart: at least half of the explained variance belongs to single groups.
    """
    if len(readings) < FEWEST_IMAGES:
        return silent(name, concepts.names, "too few images")
    outcomes = readings.probabilities(model)
    if spread(outcomes) < _NEVER:
        return silent(name, concepts.names, "the answers never vary")
    generator = np.random.default_rng([seed, 0x5EED])
    features = concept_features(readings.similarities[ORIGINAL], concepts)
    names = list(features)
    split = decompose(features, outcomes, generator)
    unique = np.stack([split.unique[group] for group in names])
    points = np.clip(unique.sum(axis=1) / split.total.sum(), 0, 1)
    draws = np.clip(ratio_of_sums(unique, split.total, resamples), 0, 1)
    joint = float(split.joint.sum() / split.total.sum())
    votes, note = _can_separate(joint, points, separability(features, generator))
    return Shares(
        row=leading_row(
            name, estimates(names, points, draws, len(readings)), draws, votes=votes, note=note
        ),
        points=points,
        draws=draws,
        known=(True,) * len(names),
    )


def _can_separate(
    joint: float, points: Float[np.ndarray, " groups"], apart: Mapping[str, float]
) -> tuple[bool, str]:
    if joint < EXPLAINED:
        return False, (
            f"No vote: the captions explain {max(joint, 0):.0%} of the variance of the answers, "
            f"less than {EXPLAINED:.0%}."
        )
    confused = [name for name, share in apart.items() if share < SEPARABLE]
    if points.sum() < joint / 2:
        which = " and ".join(confused or apart)
        return False, (
            f"No vote: these images cannot separate {which}. All groups together explain "
            f"{joint:.0%} of the variance, each on its own {points.max():.0%} at most."
        )
    return True, f"All groups together explain {joint:.0%} of the variance of the answers."


def concept_changes(
    readings: Readings, concepts: ConceptGroups, variants: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Variant -> group -> total-effect index of the change on the group's reading, 0 to 1."""
    before = concept_features(readings.similarities[ORIGINAL], concepts)
    changes: dict[str, dict[str, float]] = {}
    for variant in variants:
        after = concept_features(readings.similarities[variant], concepts)
        changes[variant] = {
            group: _capped_ratio(*total_effect(before[group], after[group])) for group in before
        }
    return changes


def removes(changes: Mapping[str, float]) -> str | None:
    """The one group that an intervention changes, or None when it changes none or several."""
    ranked = sorted(changes, key=lambda group: changes[group], reverse=True)
    leading, second = ranked[0], ranked[1]
    is_clear = changes[leading] >= SELECTIVE_FACTOR * changes[second]
    return leading if changes[leading] >= SELECTIVE_CHANGE and is_clear else None


def intervention_share(
    readings: Readings,
    model: str,
    concepts: ConceptGroups,
    *,
    changes: Mapping[str, Mapping[str, float]],
    resamples: Int[np.ndarray, "resamples images"],
) -> Shares:
    """How much the decision changes when the pixels lose one concept group and keep the rest.

    Per group the mean total-effect index of the class probabilities over the interventions that,
    by the encoder's own reading, change this group and no other.
    """
    names = list(concepts.names)
    variants = {group: [v for v, c in changes.items() if removes(c) == group] for group in names}
    known = tuple(bool(variants[group]) for group in names)
    if sum(known) == 0 or len(readings) < FEWEST_IMAGES:
        reason = "too few images" if any(known) else "no intervention changes one group alone"
        return silent("interventions", names, reason)
    effects = [_mean_effect(readings, model, variants[group], resamples) for group in names]
    points = np.array([effect.point for effect in effects])
    draws = np.stack([effect.draws for effect in effects])
    shares = estimates(names, points, draws, len(readings))
    missing = [group for group in names if not variants[group]]
    shares |= dict.fromkeys(
        missing, Estimate(value=None, reason="no change of the pixels removes it alone")
    )
    tested = "; ".join(f"{g}: {', '.join(v)}" for g, v in variants.items() if v)
    note = f"Changes used: {tested}." + (f" No test of {', '.join(missing)}." if missing else "")
    return Shares(
        row=leading_row("interventions", shares, draws, votes=True, note=note),
        points=points,
        draws=draws,
        known=known,
    )


@dataclass(frozen=True)
class _Effect:
    """The mean total-effect index of several changes."""

    point: float
    draws: Float[np.ndarray, " resamples"]


def _mean_effect(
    readings: Readings,
    model: str,
    variants: Sequence[str],
    resamples: Int[np.ndarray, "resamples images"],
) -> _Effect:
    if not variants:
        return _Effect(0.0, np.zeros(len(resamples)))
    before = readings.probabilities(model)
    pairs = [total_effect(before, readings.probabilities(model, name)) for name in variants]
    draws = [ratio_of_sums(change[None], total, resamples)[0] for change, total in pairs]
    return _Effect(
        point=float(np.mean([_capped_ratio(*pair) for pair in pairs])),
        draws=np.clip(draws, 0, 1).mean(axis=0),
    )


def spread(probabilities: Outcomes) -> float:
    """Total variance of the class probabilities over images (0 to 1)."""
    return float(probabilities.var(axis=0).sum())


def estimate(point: float, draws: Float[np.ndarray, " resamples"], images: int) -> Estimate:
    """A figure with the 2.5 and 97.5 % quantiles of its bootstrap draws."""
    low, high = np.quantile(draws, (0.025, 0.975))
    return Estimate(value=float(point), low=float(low), high=float(high), images=images)


def estimates(
    groups: Sequence[str], points: Float[np.ndarray, " groups"], draws: Draws, images: int
) -> dict[str, Estimate]:
    """An estimate for each group."""
    return {
        group: estimate(points[position], draws[position], images)
        for position, group in enumerate(groups)
    }


def share_of(
    flags: Shaped[np.ndarray, " images"], resamples: Int[np.ndarray, "resamples drawn"]
) -> Estimate:
    """The mean of a row of flags or figures, with its interval; None without images."""
    if len(flags) == 0:
        return Estimate(value=None, reason="no images")
    values = np.asarray(flags, dtype=float)
    return estimate(values.mean(), values[resamples % len(values)].mean(axis=1), len(values))


def silent(name: RowName, groups: Sequence[str], reason: str) -> Shares:
    """A row that could not be measured."""
    row = EvidenceRow(
        name=name,
        images="probe" if name == "probe-share" else "yours",
        shares={group: Estimate(value=None, reason=reason) for group in groups},
        dominant=None,
        votes=False,
        note=f"No vote: {reason}.",
    )
    nothing = np.zeros(len(groups))
    return Shares(row, nothing, np.zeros((len(groups), 1)), (False,) * len(groups))


def _capped_ratio(part: Float[np.ndarray, " images"], total: Float[np.ndarray, " images"]) -> float:
    whole = float(total.sum())
    return min(float(part.sum()) / whole, 1.0) if whole > 1e-12 else 0.0


def leading_row(
    name: RowName,
    shares: dict[str, Estimate],
    draws: Draws,
    *,
    votes: bool,
    note: str,
) -> EvidenceRow:
    """A row that names its leading group when it votes and the lead's interval is above zero."""
    groups = list(shares)
    known = [position for position, share in enumerate(shares.values()) if share.value is not None]
    order = sorted(known, key=lambda position: -(shares[groups[position]].value or 0.0))
    # Nothing can lead that is compared with nothing.
    leads = votes and len(order) > 1
    if leads:
        leads = float(np.quantile(draws[order[0]] - draws[order[1]], 0.025)) > 0
    return EvidenceRow(
        name=name,
        images="probe" if name == "probe-share" else "yours",
        shares=shares,
        dominant=groups[order[0]] if leads else None,
        votes=votes,
        note=note,
    )
