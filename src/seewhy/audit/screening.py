"""Which changes of the pixels an audit makes: those that reach a concept group."""

from collections.abc import Sequence

import numpy as np

from seewhy.audit.counterfactuals import useful
from seewhy.audit.pixels.exchanges import exchanges
from seewhy.audit.pixels.interventions import INTERVENTIONS, Intervention
from seewhy.audit.readings import PassSettings, read_images
from seewhy.base.axes import TextEmbeddings
from seewhy.data.concepts import ConceptGroups
from seewhy.data.records import ImageRecord
from seewhy.models.protocols import DualEncoder

SCREENED_IMAGES = 40


def chosen_changes(
    records: Sequence[ImageRecord],
    encoder: DualEncoder,
    concepts: ConceptGroups,
    *,
    captions: TextEmbeddings,
    settings: PassSettings,
) -> tuple[Intervention, ...]:
    """The exchanges between the images that reach a group, then the changes of whole pictures.

    What reaches a group is read by the encoder on at most 40 of the images, so that models are
    not run on versions that say nothing.
    """
    offered = exchanges(records, seed=settings.seed)
    order = np.random.default_rng([settings.seed, 0x5C]).permutation(len(records))
    screened = read_images(
        [records[row] for row in order[:SCREENED_IMAGES]],
        (),
        encoder,
        captions=captions,
        interventions=offered,
        settings=settings,
    )
    reached = useful(screened, concepts) if len(screened) else set[str]()
    return (*(each for each in offered if each.name in reached), *INTERVENTIONS)
