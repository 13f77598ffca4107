"""What was measured on one model, arranged for the report."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from seewhy.audit.evidence import concept_changes, estimate, removes, share_of
from seewhy.audit.pixels.interventions import Intervention
from seewhy.audit.readings import ORIGINAL, Readings, read_values
from seewhy.audit.schema import (
    YOUR_IMAGES,
    ChangedImage,
    Estimate,
    Example,
    InterventionEffect,
)
from seewhy.audit.shares import binomial_surprise, bootstrap_indices, ratio_of_sums, total_effect
from seewhy.audit.verdict import Guessing
from seewhy.data.concepts import ConceptGroups

EXAMPLES = 6
_THUMBNAIL = 128
_SMALLEST_CELL = 3
_MOST = 0.7

Positions = Int[np.ndarray, "resamples images"]
Flags = Bool[np.ndarray, " images"]


def label_numbers(readings: Readings, classes: Sequence[str]) -> Int[np.ndarray, " images"]:
    """Position of each image's label among the classes; -1 without a label the model knows."""
    index = {name: number for number, name in enumerate(classes)}
    return np.array([index.get(record.label or "", -1) for record in readings.records], dtype=int)


def guessing(
    readings: Readings, model: str, classes: Sequence[str], concepts: ConceptGroups
) -> dict[str, Guessing]:
    """Per group: is the model right, where the group's value goes with the class, by guessing?

    A model that decides by colour is right wherever colour goes with the class, even if colour
    says nothing over all images; a model that decides nothing is not. Guessing always names the
    commonest class of those images. Left out: groups without a value that goes with each class.
    """
    labels = label_numbers(readings, classes)
    right = predicted(readings, model) == labels
    result = {}
    for group, agrees in _agreement(readings, classes, concepts).items():
        images = int(agrees.sum())
        if images:
            hits = int(right[agrees].sum())
            chance = min(float(np.bincount(labels[agrees]).max() / images), 0.999)
            result[group] = Guessing(hits, images, binomial_surprise(hits, images, chance))
    return result


def predicted(
    readings: Readings, model: str, variant: str = ORIGINAL
) -> Int[np.ndarray, " images"]:
    """The class with the largest logit."""
    return np.asarray(readings.logits[model][variant].argmax(axis=1))


def accuracies(
    readings: Readings,
    model: str,
    classes: Sequence[str],
    concepts: ConceptGroups,
    *,
    resamples: Positions,
) -> dict[str, Estimate]:
    """Accuracy on the images, and where each group's value agrees or not with the class.

    The value is the true attribute where there is one and otherwise as the encoder reads it; the
    value that goes with a class is `concepts.expected`, or that of 70 % of the class's images.
    """
    labels = label_numbers(readings, classes)
    known = labels >= 0
    if not known.any():
        return {YOUR_IMAGES: Estimate(value=None, reason="no labels that the model knows")}
    right = predicted(readings, model) == labels
    result = {YOUR_IMAGES: share_among(right, known, resamples)}
    for group, agrees in _agreement(readings, classes, concepts).items():
        result[f"where {group} goes with the class"] = share_among(right, agrees, resamples)
        result[f"where {group} goes against the class"] = share_among(
            right, known & ~agrees, resamples
        )
    return result


def accuracy(readings: Readings, model: str, classes: Sequence[str], *, seed: int) -> Estimate:
    """Accuracy on the labelled images of a set of its own."""
    labels = label_numbers(readings, classes)
    right = (predicted(readings, model) == labels)[labels >= 0]
    generator = np.random.default_rng([seed, 0xACC])
    return share_of(right, bootstrap_indices(len(right), 500, generator))


def image_values(
    readings: Readings, concepts: ConceptGroups
) -> dict[str, Int[np.ndarray, " images"]]:
    """Position of each image's value in each group: true where known, else as the encoder reads."""
    read, told = read_values(readings, concepts), told_values(readings, concepts)
    return {group: np.where(told[group] >= 0, told[group], read[group]) for group in read}


def told_values(
    readings: Readings, concepts: ConceptGroups
) -> dict[str, Int[np.ndarray, " images"]]:
    """Position of each image's true value in each group; -1 where it is not known."""
    positions = {
        group.name: {name: place for place, name in enumerate(group.value_names)}
        for group in concepts.groups
    }
    return {
        group: np.array(
            [places.get(record.attributes.get(group, ""), -1) for record in readings.records],
            dtype=int,
        )
        for group, places in positions.items()
    }


def _agreement(
    readings: Readings, classes: Sequence[str], concepts: ConceptGroups
) -> dict[str, Flags]:
    """Per group, the labelled images whose value is the one that goes with their class.

    Groups in which all classes go with one value are left out.
    """
    labels = label_numbers(readings, classes)
    result = {}
    for group, values in image_values(readings, concepts).items():
        usual = usual_values(values, labels, classes=classes, concepts=concepts, group=group)
        if len(set(usual.values())) > 1:
            wanted = np.array([usual.get(int(label), -1) for label in labels])
            result[group] = (labels >= 0) & (wanted == values)
    return result


def usual_values(
    values: Int[np.ndarray, " images"],
    labels: Int[np.ndarray, " images"],
    *,
    classes: Sequence[str],
    concepts: ConceptGroups,
    group: str,
) -> dict[int, int]:
    """Class -> the value that goes with it, as told or else as in most of its images."""
    names = next(g.value_names for g in concepts.groups if g.name == group)
    usual = {}
    for number, name in enumerate(classes):
        expected = concepts.expected.get(name, {}).get(group)
        counts = np.bincount(values[labels == number], minlength=len(names))
        if expected is not None:
            usual[number] = names.index(expected)
        elif counts.max() >= _MOST * max(counts.sum(), 1):
            usual[number] = int(counts.argmax())
    return usual


def share_among(flags: Flags, chosen: Flags, resamples: Positions) -> Estimate:
    """Share of true flags among the chosen images; None with a reason for fewer than three."""
    images = int(chosen.sum())
    if images < _SMALLEST_CELL:
        reason = f"only {images} such images" if images > 1 else "hardly any such image"
        return Estimate(value=None, images=images, reason=reason if images else "no such image")
    draws = ratio_of_sums((flags & chosen)[None].astype(float), chosen.astype(float), resamples)
    return estimate(float(flags[chosen].mean()), draws[0], images)


def intervention_effects(
    readings: Readings,
    model: str,
    classes: Sequence[str],
    concepts: ConceptGroups,
    *,
    resamples: Positions,
) -> list[InterventionEffect]:
    """What each intervention does to the model's answers and to the encoder's readings."""
    variants = [variant for variant in readings.similarities if variant != ORIGINAL]
    changes = concept_changes(readings, concepts, variants)
    labels = label_numbers(readings, classes)
    before = readings.probabilities(model)
    effects = []
    for variant in variants:
        answer = predicted(readings, model, variant)
        change, total = total_effect(before, readings.probabilities(model, variant))
        draws = np.clip(ratio_of_sums(change[None], total, resamples)[0], 0, 1)
        point = min(float(change.sum() / total.sum()), 1.0) if total.sum() > 0 else 0.0
        effects.append(
            InterventionEffect(
                name=variant,
                removes=removes(changes[variant]),
                flipped=share_of(answer != predicted(readings, model), resamples),
                decision_change=estimate(point, draws, len(readings)),
                accuracy=share_among(answer == labels, labels >= 0, resamples),
                concept_change=changes[variant],
            )
        )
    return effects


def examples(
    readings: Readings,
    model: str,
    classes: Sequence[str],
    *,
    effects: Sequence[InterventionEffect],
    interventions: Sequence[Intervention],
    seed: int,
) -> list[Example]:
    """The images whose confident answers change most, each with all its changed versions."""
    chosen = _most_changed(readings, model, effects)
    confidence = readings.probabilities(model)
    result = []
    for row in chosen:
        record = readings.records[row]
        image = record.read()
        versions = [
            ChangedImage(
                intervention=change.name,
                predicted=classes[int(predicted(readings, model, change.name)[row])],
                confidence=float(readings.probabilities(model, change.name)[row].max()),
                thumbnail=thumbnail(change.apply(image, seed=seed, sample=record.id)),
            )
            for change in interventions
        ]
        result.append(
            Example(
                id=record.id,
                label=record.label,
                predicted=classes[int(confidence[row].argmax())],
                confidence=float(confidence[row].max()),
                thumbnail=thumbnail(image),
                changed=versions,
            )
        )
    return result


def _most_changed(
    readings: Readings, model: str, effects: Sequence[InterventionEffect]
) -> list[int]:
    """Rows with the largest mean change under selective interventions, dealt class by class."""
    before = readings.probabilities(model)
    used = [effect.name for effect in effects if effect.removes] or [e.name for e in effects]
    change: Float[np.ndarray, " images"] = sum(
        (((readings.probabilities(model, name) - before) ** 2).sum(axis=1) for name in used),
        start=np.zeros(len(readings)),
    )
    answers = before.argmax(axis=1)
    queues = [
        [int(row) for row in np.argsort(-change, kind="stable") if answers[row] == number]
        for number in np.unique(answers)
    ]
    order = [queue[turn] for turn in range(EXAMPLES) for queue in queues if turn < len(queue)]
    return order[:EXAMPLES]


def thumbnail(image: Image.Image) -> str:
    """A PNG data URI of at most 128 pixels a side; small images keep their pixels."""
    small = image.copy()
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    buffer = io.BytesIO()
    small.save(buffer, format="PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
