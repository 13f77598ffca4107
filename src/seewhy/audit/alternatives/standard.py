"""The audit's own rows of evidence, one by one, and the published reading of the graft."""

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from seewhy.audit.alternatives.permutations import unique_p_values
from seewhy.audit.alternatives.subject import Answer, Images, Subject, abstained
from seewhy.audit.evidence import (
    FEWEST_IMAGES,
    Shares,
    concept_changes,
    decision_share,
    intervention_share,
)
from seewhy.audit.grafts import GraftSettings, ModelGraft, run_graft
from seewhy.audit.pixels.exchanges import EXCHANGES
from seewhy.audit.readings import ORIGINAL
from seewhy.audit.shares import bootstrap_indices, decompose, ratio_of_sums, sampled_rows
from seewhy.base.errors import UsageError
from seewhy.methods.grafting.method import Grafting, paper_sites
from seewhy.methods.grafting.reading import CaptionTable, count_winners, influence, read_values
from seewhy.models.protocols import ClassifierLike
from seewhy.passes.options import PassOptions

_RESAMPLES = 300
_MEMORY = 4_000_000_000
_GRAFTED = 128
_ROWS: dict[Images, Literal["decision-share", "probe-share"]] = {
    "yours": "decision-share",
    "probe": "probe-share",
}


def unique_share(subject: Subject, *, images: Images) -> Answer:
    """Unique share of the variance of the class probabilities, 0 to 1, as the audit votes.

    P-values are by permutation, of the group's features given the others.
    """
    readings = subject.readings(images)
    positions = bootstrap_indices(len(readings), _RESAMPLES, subject.generator())
    shares = decision_share(
        readings,
        subject.model.name,
        subject.concepts,
        resamples=positions,
        name=_ROWS[images],
        seed=subject.seed,
    )
    if not any(shares.known):
        return abstained(subject.concepts)
    return replace(_answer(subject, shares), p_values=_p_values(subject, images))


def shapley_share(subject: Subject, *, images: Images) -> Answer:
    """Share of the variance by the Shapley value of R2, 0 to 1, so that shared variance counts.

    A group is named when it leads in 97.5 % of bootstrap resamples. P-values are those of the
    unique share.
    """
    readings = subject.readings(images)
    if len(readings) < FEWEST_IMAGES:
        return abstained(subject.concepts)
    outcomes = readings.probabilities(subject.model.name)
    split = decompose(subject.contrasts(images), outcomes, subject.generator())
    total = float(split.total.sum())
    if total < 1e-12 * len(readings):
        return abstained(subject.concepts)
    parts = np.stack([split.shapley[group] for group in subject.concepts.names])
    positions = bootstrap_indices(len(readings), _RESAMPLES, subject.generator())
    draws = ratio_of_sums(parts, split.total, positions)
    points = parts.sum(axis=1) / total
    first, second = np.argsort(-points)[:2]
    leads = np.quantile(draws[first] - draws[second], 0.025) > 0
    return Answer(
        strength=_by_group(subject, np.clip(points, 0, 1)),
        p_values=_p_values(subject, images),
        dominant=subject.concepts.names[first] if leads else None,
    )


def selective_interventions(subject: Subject) -> Answer:
    """How much the class probabilities change with pixels that lose one group alone, 0 to 1.

    By changes of the whole picture: grey, hue, blur, shuffled patches.
    """
    readings = subject.yours
    changed = [v for v in readings.similarities if v != ORIGINAL and v not in EXCHANGES]
    shares = intervention_share(
        readings,
        subject.model.name,
        subject.concepts,
        changes=concept_changes(readings, subject.concepts, changed),
        resamples=bootstrap_indices(len(readings), _RESAMPLES, subject.generator()),
    )
    return _answer(subject, shares)


def published_graft(subject: Subject) -> Answer:
    """Share of the images that each group's captions win by the graft, 0 to 1; they sum to one.

    As published, with bicubic resize, the group with most wins is named, whatever its lead. A
    classifier without convolutions called conv1, conv2 or conv3 is grafted from all of its
    convolutions. On at most 128 images.
    """
    records = subject.yours.records
    rows = sampled_rows(len(records), _GRAFTED, np.random.default_rng([subject.seed, 0x6AF7]))
    done = run_graft(
        ModelGraft(
            subject.model,
            subject.encoder,
            subject.texts,
            GraftSettings(published_grafting(subject.model), _MEMORY, "float32", PassOptions()),
        ),
        [records[row] for row in rows],
    )
    table = CaptionTable.listed(subject.concepts.as_dict())
    read = read_values(done.similarities, table)[:, 0]
    counts = count_winners(influence(done.similarities), table, read)
    points = counts.shares.numpy()
    return Answer(_by_group(subject, points), dominant=subject.concepts.names[int(points.argmax())])


def published_grafting(model: ClassifierLike) -> Grafting:
    """The published graft where the model has its convolutions, else as near as can be."""
    try:
        paper_sites(model)
    except UsageError:
        return Grafting(protocol="default", resize="bicubic")
    return Grafting(protocol="paper", resize="bicubic")


def _answer(subject: Subject, shares: Shares) -> Answer:
    points = np.where(shares.known, shares.points, math.nan)
    return Answer(_by_group(subject, points), dominant=shares.row.dominant)


def _by_group(subject: Subject, values: np.ndarray) -> dict[str, float]:
    return dict(zip(subject.concepts.names, map(float, values), strict=True))


def _p_values(subject: Subject, images: Images) -> dict[str, float]:
    outcomes = subject.readings(images).probabilities(subject.model.name)
    return unique_p_values(subject.contrasts(images), outcomes, subject.generator())
