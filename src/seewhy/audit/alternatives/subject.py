"""What every reading is given and what it answers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.audit.controls import untrained_copies
from seewhy.audit.readings import (
    ORIGINAL,
    ModelFamily,
    Outputs,
    PassSettings,
    Readings,
    concept_features,
    read_images,
)
from seewhy.audit.rows import control_records, untrained_control
from seewhy.audit.settings import AuditSettings
from seewhy.base.axes import TextEmbeddings
from seewhy.base.errors import UsageError
from seewhy.data.concepts import ConceptGroups
from seewhy.data.records import ImageRecord
from seewhy.models.protocols import ClassifierLike, DualEncoder
from seewhy.taps.heads import find_head, head_features

LEADS = 1.5
"""A group is named when it is at least so many times as strong as the next."""

Images = Literal["yours", "probe"]


@dataclass(frozen=True)
class Seen:
    """Penultimate features of the model and embeddings of the encoder, a row per image."""

    features: Float[np.ndarray, "images features"]
    embeddings: Float[np.ndarray, "images embed"]


@dataclass(frozen=True, eq=False)
class Subject:
    """A model with everything that a reading may look at.

    `texts` embed `concepts.captions`. `yours` has the changed versions of the images too; `probe`
    are images that know nothing of the task. `seen` holds both, in the order of their records.
    """

    model: ClassifierLike
    encoder: DualEncoder
    concepts: ConceptGroups
    texts: TextEmbeddings
    yours: Readings
    probe: Readings
    seen: Mapping[str, Seen]
    seed: int

    def readings(self, images: Images) -> Readings:
        """The readings of one set of images."""
        return self.yours if images == "yours" else self.probe

    def logits(self, images: Images) -> Outputs:
        """The model's class scores of the images as they are, in double precision."""
        return self.readings(images).logits[self.model.name][ORIGINAL].astype(np.float64)

    def contrasts(self, images: Images) -> dict[str, Float[np.ndarray, "_ _"]]:
        """Group -> how much each value's captions suit each image, less their mean."""
        return concept_features(self.readings(images).similarities[ORIGINAL], self.concepts)

    def directions(self) -> dict[str, Float[np.ndarray, "_ _"]]:
        """Group -> a direction per value in the joint space, as columns; they sum to zero.

        An embedding's products with them are its contrasts.
        """
        return concept_features(self.texts.double().cpu().numpy().T, self.concepts)

    @cached_property
    def untrained_p_value(self) -> float:
        """The chance that the answers of an untrained copy vary as much as the model's."""
        settings = AuditSettings()
        copies = untrained_copies(self.model, count=settings.controls, seed=self.seed)
        readings = read_images(
            control_records(self.yours.records, seed=self.seed),
            [ModelFamily(self.model, copies)],
            self.encoder,
            captions=self.texts,
            interventions=(),
            settings=PassSettings(batch_size=settings.batch_size, seed=self.seed),
        )
        return untrained_control(readings, self.model.name, copies=len(copies))[0]

    def generator(self) -> np.random.Generator:
        """Chance for one reading, the same each time."""
        return np.random.default_rng([self.seed, 0xA17])


@dataclass(frozen=True)
class Answer:
    """What a reading says of a model.

    `strength` is how strongly the decision relies on each group: 0 or more, larger is more, NaN
    where it cannot be said. `p_values` are the chance of such a strength if the decision ignored
    the group, empty where the reading has none. `dominant` is the group it names, `together`
    are several that it names without a leader; neither means "undecided". Strengths of different
    readings have different units.
    """

    strength: Mapping[str, float]
    p_values: Mapping[str, float] = field(default_factory=dict)
    dominant: str | None = None
    together: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """All groups that it names."""
        return self.together if self.dominant is None else (self.dominant,)


Reading = Callable[[Subject], Answer]


def abstained(concepts: ConceptGroups) -> Answer:
    """The answer of a reading that cannot be taken."""
    return Answer(dict.fromkeys(concepts.names, math.nan))


def leading(strength: Mapping[str, float], *, least: float) -> str | None:
    """The strongest group when it has at least `least` and 1.5 times the strength of the next.

    A single known group leads nothing.
    """
    known = {name: value for name, value in strength.items() if not math.isnan(value)}
    ranked = sorted(known, key=lambda name: -known[name])
    if len(ranked) < 2 or known[ranked[0]] < max(least, LEADS * known[ranked[1]]):
        return None
    return ranked[0]


def permutation_p_value(observed: float, by_chance: Float[np.ndarray, " draws"]) -> float:
    """How often chance is at least as strong, the observed case counted in; never 0.

    Differences that are rounding alone count as equal.
    """
    least = observed - 1e-9 * abs(observed)
    return float((1 + (by_chance >= least).sum()) / (1 + len(by_chance)))


def look(
    model: ClassifierLike,
    encoder: DualEncoder,
    *,
    records: Sequence[ImageRecord],
    batch_size: int = 32,
) -> Seen:
    """Penultimate features and embeddings of images that both can read.

    Raises `UsageError` without images, and where the model has no linear head.
    """
    if not records:
        raise UsageError("no images to look at. Give the records of the readings.")
    head = find_head(model)
    features, embeddings = [], []
    for first in range(0, len(records), batch_size):
        images = [record.read() for record in records[first : first + batch_size]]
        pixels = torch.stack([model.preprocess(image) for image in images])
        features.append(head_features(model, head, pixels).features)
        pixels = torch.stack([encoder.preprocess(image) for image in images])
        embeddings.append(encoder.encode_images(pixels).float().cpu())
    return Seen(_rows(features), _rows(embeddings))


def _rows(batches: Sequence[Tensor]) -> Float[np.ndarray, "rows columns"]:
    return torch.cat(list(batches)).double().numpy()
