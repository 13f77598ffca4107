"""All rows of evidence that can vote, and the controls of model and captions."""

from collections.abc import Sequence

import numpy as np

from seewhy.audit.controls import exceedance
from seewhy.audit.counterfactuals import counterfactual_row, exchange_reach
from seewhy.audit.evidence import (
    Resamples,
    Shares,
    concept_changes,
    decision_share,
    intervention_share,
    spread,
)
from seewhy.audit.flips import FEWEST_CHANGED
from seewhy.audit.pixels.exchanges import EXCHANGES
from seewhy.audit.readings import ORIGINAL, Readings, untrained_name
from seewhy.audit.schema import Control
from seewhy.audit.shares import sampled_rows
from seewhy.data.concepts import ConceptGroups
from seewhy.data.records import ImageRecord

CONTROL_IMAGES = 80
"""At most so many images are shown to untrained copies."""
LEAST_APART = 0.7
"""Of the exchanges of one thing that the encoder notices, the share to be one concept's alone.

On planted models captions that suit the images have 0.74 to 1, shuffled ones 0.49 to 0.70.
"""


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


def captions_control(readings: Readings, concepts: ConceptGroups) -> Control:
    """Whether the captions tell the concepts apart: one thing changes, one concept should.

    Captions that do not suit the images, or sort them into groups in another way, fail. Nothing
    is said without exchanges that the encoder notices.
    """
    alone, reached = exchange_reach(readings, concepts)
    share = alone / reached if reached else None
    return Control(
        name="captions",
        expectation="where one thing in an image changes, the encoder reads one concept changed",
        value=share,
        holds=share >= LEAST_APART if share is not None and reached >= FEWEST_CHANGED else None,
        note=f"In {alone} of {reached} changed images one concept changed alone; at least "
        f"{LEAST_APART:.0%} are wanted.",
    )
