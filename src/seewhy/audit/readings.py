"""One pass over the images: what every model answers and what the encoder reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from seewhy.audit.interventions import Intervention
from seewhy.base.axes import TextEmbeddings
from seewhy.base.errors import UsageError
from seewhy.data.concepts import ConceptGroups
from seewhy.data.records import Failure, ImageRecord
from seewhy.models.protocols import ClassifierLike, DualEncoder, ImageModel
from seewhy.passes.runner import PassResult, run_pass

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

    def probabilities(self, model: str, variant: str = ORIGINAL) -> Outputs:
        """Softmax of a model's logits."""
        return softmax(self.logits[model][variant])


@dataclass(frozen=True)
class PassSettings:
    """How the pass runs; only `seed` changes numbers beyond rounding."""

    batch_size: int
    seed: int
    progress: bool = False


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
    reader = _Reader(families, encoder, captions, tuple(interventions), settings.seed)
    result = run_pass(
        records,
        reader.read_batch,
        batch_size=settings.batch_size,
        progress=settings.progress,
    )
    return reader.collect(records, result)


@dataclass(frozen=True)
class _Reader:
    families: Sequence[ModelFamily]
    encoder: DualEncoder
    captions: TextEmbeddings
    interventions: tuple[Intervention, ...]
    seed: int

    @property
    def variants(self) -> tuple[str, ...]:
        return (ORIGINAL, *(intervention.name for intervention in self.interventions))

    def read_batch(self, ids: Sequence[str], images: Sequence[Image.Image]) -> dict[str, Tensor]:
        """Columns "variant" -> similarities and "variant/model" -> logits, a row per image."""
        items = [self._pixels(*pair) for pair in zip(ids, images, strict=True)]
        columns: dict[str, Tensor] = {}
        for number, variant in enumerate(self.variants):
            pixels = _batch(self.encoder, [item[number][0] for item in items])
            columns[variant] = self.encoder.encode_images(pixels) @ self.captions.T
            for position, family in enumerate(self.families, start=1):
                pixels = _batch(family.model, [item[number][position] for item in items])
                for name, member in family.members().items():
                    columns[f"{variant}/{name}"] = member.logits(pixels)
        return {name: values.float().cpu() for name, values in columns.items()}

    def _pixels(self, sample: str, image: Image.Image) -> list[list[Tensor]]:
        """Per variant, the encoder's pixels and then each family's."""
        versions = [image] + [
            change.apply(image, seed=self.seed, sample=sample) for change in self.interventions
        ]
        viewers = [self.encoder, *(family.model for family in self.families)]
        return [[viewer.preprocess(version) for viewer in viewers] for version in versions]

    def collect(
        self, records: Sequence[ImageRecord], result: PassResult[dict[str, Tensor]]
    ) -> Readings:
        """Everything aligned by image; rows with a number that is not finite become failures."""
        by_id = {record.id: record for record in records}
        columns = _stacked(result.outputs)
        fine = np.ones(len(result.ids), dtype=bool)
        failures = list(result.failures)
        for key, values in columns.items():
            bad = fine & ~np.isfinite(values).all(axis=1)
            failures += [
                Failure(result.ids[row], "non_finite", f"NaN or infinity in {key}")
                for row in np.flatnonzero(bad)
            ]
            fine &= ~bad
        names = [name for family in self.families for name in family.members()]
        order = {record.id: position for position, record in enumerate(records)}
        failures.sort(key=lambda failure: order[failure.id])
        return Readings(
            records=tuple(by_id[result.ids[row]] for row in np.flatnonzero(fine)),
            similarities={variant: columns[variant][fine] for variant in self.variants if columns},
            logits={
                name: {variant: columns[f"{variant}/{name}"][fine] for variant in self.variants}
                for name in names
                if columns
            },
            failures=tuple(failures),
            notes=result.notes,
        )


def _batch(model: ImageModel, items: Sequence[Tensor]) -> Tensor:
    shapes = sorted({tuple(item.shape) for item in items})
    if len(shapes) > 1:
        raise UsageError(
            f"the preprocessing of {model.name} gave different shapes, such as {shapes[0]} and "
            f"{shapes[1]}; it must bring every image to one size."
        )
    return torch.stack(list(items))


def _stacked(outputs: Sequence[Mapping[str, Tensor]]) -> dict[str, Outputs]:
    names = outputs[0] if outputs else {}
    return {name: torch.cat([output[name] for output in outputs]).numpy() for name in names}


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
