"""All rows of evidence that can vote, and the control that asks whether anything was learned."""

from collections.abc import Sequence

import numpy as np

from seewhy.audit.controls import exceedance
from seewhy.audit.counterfactuals import counterfactual_row
from seewhy.audit.evidence import (
    Resamples,
    Shares,
    concept_changes,
    decision_share,
    intervention_share,
    spread,
)
from seewhy.audit.exchanges import EXCHANGES
from seewhy.audit.readings import ORIGINAL, Readings, untrained_name
from seewhy.audit.schema import Control
from seewhy.audit.shares import sampled_rows
from seewhy.data.concepts import ConceptGroups
from seewhy.data.records import ImageRecord

CONTROL_IMAGES = 80
"""At most so many images are shown to untrained copies."""


def voting_rows(
    yours: Readings,
    probe: Readings,
    model: str,
    *,
    concepts: ConceptGroups,
    resamples: Resamples,
    seed: int,
) -> list[Shares]:
    """Counterfactuals, decision shares on both sets of images, changes of whole pictures."""
    whole = [v for v in yours.similarities if v != ORIGINAL and v not in EXCHANGES]
    return [
        counterfactual_row(yours, model, concepts, resamples=resamples.yours).shares,
        decision_share(
            yours, model, concepts, resamples=resamples.yours, name="decision-share", seed=seed
        ),
        decision_share(
            probe, model, concepts, resamples=resamples.probe, name="probe-share", seed=seed
        ),
        intervention_share(
            yours,
            model,
            concepts,
            changes=concept_changes(yours, concepts, whole),
            resamples=resamples.yours,
        ),
    ]


def control_records(records: Sequence[ImageRecord], *, seed: int) -> list[ImageRecord]:
    """The images that untrained copies see."""
    generator = np.random.default_rng([seed, 0xC0])
    return [records[row] for row in sampled_rows(len(records), CONTROL_IMAGES, generator)]


def untrained_control(readings: Readings, model: str, *, copies: int) -> tuple[float, Control]:
    """The chance that an untrained copy's answers vary as much as the model's, and the row.

    `readings` hold the model and its copies on the same images.
    """
    trained = spread(readings.probabilities(model))
    null = [
        spread(readings.probabilities(untrained_name(model, number))) for number in range(copies)
    ]
    p_value = exceedance(trained, null)
    return p_value, Control(
        name="untrained copies",
        expectation="their answers vary less than the model's",
        value=max(null),
        holds=None,
        note=f"Variance of the class probabilities: at most {max(null):.3g} in {copies} "
        f"untrained copies, {trained:.3g} in the model (p = {p_value:.2g}).",
    )
