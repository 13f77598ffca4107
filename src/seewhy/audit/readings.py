"""One pass over the images: what every model answers and what the encoder reads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from seewhy.audit.pixels.interventions import Intervention
from seewhy.base.axes import TextEmbeddings
from seewhy.base.errors import UsageError
from seewhy.data.concepts import ConceptGroups
from seewhy.data.records import Failure, ImageRecord
from seewhy.models.identity import facts_digest, model_digest, tensors_digest
from seewhy.models.protocols import ClassifierLike, DualEncoder, ImageModel
from seewhy.passes.jobs import run_job
from seewhy.passes.loading import Loaded
from seewhy.passes.options import PassOptions
from seewhy.passes.rows import failures_in, merged_rows, rows_part
from seewhy.passes.runner import run_batches
from seewhy.passes.shards import Part

ORIGINAL = "original"

Similarities = Float[np.ndarray, "images captions"]
Outputs = Float[np.ndarray, "images classes"]


@dataclass(frozen=True)
class Readings:
    """Answers and readings, aligned by image.

    `records` are the images that every model could use. `similarities[variant]` are cosines of
    image and caption, `logits[model][variant]` class scores; variants are "original" and the
    names of the interventions. `notes` maps ids to what was decided while decoding them.
    """

    records: tuple[ImageRecord, ...]
    similarities: Mapping[str, Similarities]
    logits: Mapping[str, Mapping[str, Outputs]]
    failures: tuple[Failure, ...]
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records)

    def without(self, failures: Sequence[Failure]) -> "Readings":
        """The readings of the other images; the failures are added to those known."""
        if not failures:
            return self
        failed = {failure.id for failure in failures}
        kept = np.array([record.id not in failed for record in self.records])
        return Readings(
            records=tuple(record for record in self.records if record.id not in failed),
            similarities={name: values[kept] for name, values in self.similarities.items()},
            logits={
                model: {name: values[kept] for name, values in variants.items()}
                for model, variants in self.logits.items()
            },
            failures=(*self.failures, *failures),
            notes=self.notes,
        )

    def probabilities(self, model: str, variant: str = ORIGINAL) -> Outputs:
        """Softmax of a model's logits."""
        return softmax(self.logits[model][variant])


@dataclass(frozen=True)
class PassSettings:
    """How the pass runs; only `seed` changes numbers beyond rounding."""

    batch_size: int
    seed: int
    options: PassOptions = field(default_factory=PassOptions)


@dataclass(frozen=True)
class ModelFamily:
    """A model and its untrained copies, which see the same pixels."""

    model: ClassifierLike
    copies: tuple[ClassifierLike, ...] = ()

    def members(self) -> dict[str, ClassifierLike]:
        """Name -> model; copies are called "<model>/untrained-<number>"."""
        return {self.model.name: self.model} | {
            untrained_name(self.model.name, number): copy for number, copy in enumerate(self.copies)
        }


def untrained_name(model: str, number: int) -> str:
    """The name under which an untrained copy's answers are kept."""
    return f"{model}/untrained-{number}"


def softmax(logits: Outputs) -> Outputs:
    """Class probabilities, in double precision."""
    return torch.softmax(torch.from_numpy(logits).double(), dim=1).numpy()


def read_images(
    records: Sequence[ImageRecord],
    families: Sequence[ModelFamily],
    encoder: DualEncoder,
    *,
    captions: TextEmbeddings,
    interventions: Sequence[Intervention],
    settings: PassSettings,
) -> Readings:
    """Run every model and the encoder on every image and its changed versions.

    An image that cannot be decoded, or on which any model gives a non-finite number, becomes a
    failure and is left out for all models, so that all are compared on the same images.
    """
    job = ReadJob(families, encoder, captions, tuple(interventions), settings)
    return job.collect(records, run_job(job, records, settings.options))


@final
@dataclass(frozen=True)
class ReadJob:
    """Columns "variant" of similarities and "variant/model" of logits, a row per image."""

    families: Sequence[ModelFamily]
    encoder: DualEncoder
    captions: TextEmbeddings
    interventions: tuple[Intervention, ...]
    settings: PassSettings

    @property
    def name(self) -> str:
        """The job's slug."""
        return "read"

    @property
    def variants(self) -> tuple[str, ...]:
        """The original and the changed versions of every image."""
        return (ORIGINAL, *(intervention.name for intervention in self.interventions))

    def key(self) -> str:
        """A digest of models, captions, changes and what chance decides."""
        return facts_digest(
            job=self.name,
            encoder=model_digest(self.encoder),
            models={name: model_digest(member) for name, member in self._members().items()},
            captions=tensors_digest({"captions": self.captions}),
            variants=self.variants,
            changes=[intervention.facts for intervention in self.interventions],
            seed=self.settings.seed,
            batch_size=self.settings.batch_size,
        )

    def prepare(self, identity: str, image: Image.Image) -> list[list[Tensor]]:
        """Per variant, the encoder's pixels and then each family's."""
        versions = [image] + [
            change.apply(image, seed=self.settings.seed, sample=identity)
            for change in self.interventions
        ]
        viewers = [self.encoder, *(family.model for family in self.families)]
        return [[viewer.preprocess(version) for viewer in viewers] for version in versions]

    def run(self, loaded: Iterable[Loaded[list[list[Tensor]]] | Failure]) -> Part:
        """The columns of a shard."""
        return rows_part(run_batches(loaded, self._read_batch, batch_size=self.settings.batch_size))

    def merge(self, first: Part, second: Part) -> Part:
        """The rows of both."""
        return merged_rows(first, second)

    def _read_batch(
        self, _ids: Sequence[str], items: Sequence[list[list[Tensor]]]
    ) -> dict[str, Tensor]:
        columns: dict[str, Tensor] = {}
        for number, variant in enumerate(self.variants):
            pixels = _batch(self.encoder, [item[number][0] for item in items])
            columns[variant] = self.encoder.encode_images(pixels) @ self.captions.T
            for position, family in enumerate(self.families, start=1):
                pixels = _batch(family.model, [item[number][position] for item in items])
                for name, member in family.members().items():
                    columns[f"{variant}/{name}"] = member.logits(pixels)
        return {name: values.float().cpu() for name, values in columns.items()}

    def _members(self) -> dict[str, ClassifierLike]:
        return {
            name: member for family in self.families for name, member in family.members().items()
        }

    def collect(self, records: Sequence[ImageRecord], part: Part) -> Readings:
        """Everything aligned by image; rows with a number that is not finite become failures."""
        by_id = {record.id: record for record in records}
        ids, columns = part.facts["ids"], part.arrays
        fine = np.ones(len(ids), dtype=bool)
        failures = list(failures_in(part))
        for key, values in columns.items():
            bad = fine & ~np.isfinite(values).all(axis=1)
            failures += [
                Failure(ids[row], "non_finite", f"NaN or infinity in {key}")
                for row in np.flatnonzero(bad)
            ]
            fine &= ~bad
        order = {record.id: position for position, record in enumerate(records)}
        failures.sort(key=lambda failure: order[failure.id])
        return Readings(
            records=tuple(by_id[ids[row]] for row in np.flatnonzero(fine)),
            similarities={variant: columns[variant][fine] for variant in self.variants if columns},
            logits={
                name: {variant: columns[f"{variant}/{name}"][fine] for variant in self.variants}
                for name in self._members()
                if columns
            },
            failures=tuple(failures),
            notes={identity: tuple(notes) for identity, notes in part.facts["notes"].items()},
        )


def _batch(model: ImageModel, items: Sequence[Tensor]) -> Tensor:
    shapes = sorted({tuple(item.shape) for item in items})
    if len(shapes) > 1:
        raise UsageError(
            f"the preprocessing of {model.name} gave different shapes, such as {shapes[0]} and "
            f"{shapes[1]}; it must bring every image to one size."
        )
    return torch.stack(list(items))


def concept_features(
    similarities: Similarities, concepts: ConceptGroups
) -> dict[str, Float[np.ndarray, "images values"]]:
    """Per group, each value's mean caption similarity minus the mean over the group's values.

    Subtracting removes what all captions of the group share; the contrast between the values is
    what can tell one from another.
    """
    features = {}
    position = 0
    for group in concepts.groups:
        columns = []
        for value in group.values:
            width = len(value.captions)
            columns.append(similarities[:, position : position + width].mean(axis=1))
            position += width
        values = np.stack(columns, axis=1).astype(np.float64)
        features[group.name] = values - values.mean(axis=1, keepdims=True)
    return features


def read_values(
    readings: Readings, concepts: ConceptGroups, variant: str = ORIGINAL
) -> dict[str, Int[np.ndarray, " images"]]:
    """Position of each image's value in each group, as the encoder reads it."""
    features = concept_features(readings.similarities[variant], concepts)
    return {group: values.argmax(axis=1) for group, values in features.items()}
