"""The tables by class and by slice: accuracy, answers, and what changes them."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Int

from seewhy.audit.details import (
    Flags,
    image_values,
    label_numbers,
    predicted,
    share_among,
)
from seewhy.audit.evidence import estimates, share_of, spread
from seewhy.audit.readings import ORIGINAL, Readings, concept_features
from seewhy.audit.schema import ClassRow, Estimate, InterventionEffect, SliceRow
from seewhy.audit.shares import (
    Features,
    Outcomes,
    PerImage,
    bootstrap_indices,
    cross_predicted,
    fold_numbers,
    ratio_of_sums,
)
from seewhy.data.concepts import ConceptGroups

FEWEST_IN_CLASS = 50
IMAGES_PER_FEATURE = 5
LEAST_SPREAD = 0.01
MOST_ANSWERS = 5
_RESAMPLES = 200


def class_rows(
    readings: Readings,
    model: str,
    classes: Sequence[str],
    concepts: ConceptGroups,
    *,
    effects: Sequence[InterventionEffect],
    seed: int,
) -> list[ClassRow]:
    """A row for each class that occurs among the labels, or among the answers without labels."""
    labels = label_numbers(readings, classes)
    answers = predicted(readings, model)
    belongs = np.where(labels >= 0, labels, answers)
    flips = _mean_flips(_flips(readings, model, effects), effects, concepts)
    features = concept_features(readings.similarities[ORIGINAL], concepts)
    outcomes = readings.probabilities(model)
    rows = []
    for number in np.unique(belongs):
        here = belongs == number
        generator = np.random.default_rng([seed, int(number)])
        resamples = bootstrap_indices(int(here.sum()), _RESAMPLES, generator)
        rows.append(
            ClassRow(
                name=classes[number],
                images=int(here.sum()),
                accuracy=share_of((answers == labels)[here], resamples)
                if bool((labels[here] >= 0).all())
                else Estimate(value=None, reason="no labels"),
                shares=shares_within(
                    {group: values[here] for group, values in features.items()},
                    outcomes[here],
                    generator,
                ),
                flipped={group: share_of(mean[here], resamples) for group, mean in flips.items()},
            )
        )
    return rows


def shares_within(
    features: Mapping[str, Features], outcomes: Outcomes, generator: np.random.Generator
) -> dict[str, Estimate]:
    """Share of the variance of the outcomes that each group alone explains among these images.

    None with a reason for fewer than 50 images or than 5 a feature, and where the outcomes vary
    by less than if one decision in 200 were another: a share of hardly anything says nothing.
    """
    images, names = len(outcomes), list(features)
    wanted = max(FEWEST_IN_CLASS, IMAGES_PER_FEATURE * sum(f.shape[1] for f in features.values()))
    if images < wanted:
        return _unknown(names, f"fewer than {wanted} images")
    if spread(outcomes) < LEAST_SPREAD:
        return _unknown(names, "its decisions hardly vary")
    total, unique = _unique(features, outcomes, fold_numbers(images, generator))
    resamples = bootstrap_indices(images, _RESAMPLES, generator)
    draws = np.clip(ratio_of_sums(np.stack(unique), total, resamples), 0, 1)
    points = np.clip([own.sum() / total.sum() for own in unique], 0, 1)
    return estimates(names, points, draws, images)


def _unique(
    features: Mapping[str, Features], outcomes: Outcomes, folds: Int[np.ndarray, " images"]
) -> tuple[PerImage, list[PerImage]]:
    """Squared error without any group, and what each group takes from it beyond all others."""

    def errors(names: Sequence[str]) -> PerImage:
        columns = [features[name] for name in names] or [np.zeros((len(outcomes), 0))]
        residuals = outcomes - cross_predicted(np.concatenate(columns, axis=1), outcomes, folds)
        return np.asarray((residuals**2).sum(axis=1))

    names = list(features)
    everything = errors(names)
    others = [[other for other in names if other != name] for name in names]
    return errors([]), [errors(rest) - everything for rest in others]


def slice_rows(
    readings: Readings,
    model: str,
    classes: Sequence[str],
    concepts: ConceptGroups,
    *,
    effects: Sequence[InterventionEffect],
    seed: int,
) -> list[SliceRow]:
    """A row for each value of each group that some image has."""
    labels, answers = label_numbers(readings, classes), predicted(readings, model)
    generator = np.random.default_rng([seed, 0x511CE])
    resamples = bootstrap_indices(len(readings), _RESAMPLES, generator)
    flips = _flips(readings, model, effects)
    return [
        SliceRow(
            group=group,
            value=value,
            images=int(here.sum()),
            accuracy=share_among(answers == labels, here & (labels >= 0), resamples),
            answers=_commonest(answers[here], classes),
            flipped={
                name: share_among(flipped, here, resamples) for name, flipped in flips.items()
            },
        )
        for group, value, here in _cells(readings, concepts)
    ]


def _cells(readings: Readings, concepts: ConceptGroups) -> Iterator[tuple[str, str, Flags]]:
    values = image_values(readings, concepts)
    for group in concepts.groups:
        for place, name in enumerate(group.value_names):
            here = values[group.name] == place
            if here.any():
                yield group.name, name, here


def _commonest(answers: Int[np.ndarray, " images"], classes: Sequence[str]) -> dict[str, float]:
    counts = np.bincount(answers, minlength=len(classes))
    order = np.argsort(-counts, kind="stable")[:MOST_ANSWERS]
    return {classes[n]: float(counts[n] / len(answers)) for n in order if counts[n]}


def _flips(
    readings: Readings, model: str, effects: Sequence[InterventionEffect]
) -> dict[str, Flags]:
    answers = predicted(readings, model)
    return {effect.name: predicted(readings, model, effect.name) != answers for effect in effects}


def _mean_flips(
    flips: Mapping[str, Flags], effects: Sequence[InterventionEffect], concepts: ConceptGroups
) -> dict[str, PerImage]:
    """Per group the mean over the interventions that change it alone."""
    chosen = {
        group: [flips[effect.name] for effect in effects if effect.removes == group]
        for group in concepts.names
    }
    return {group: np.mean(many, axis=0) for group, many in chosen.items() if many}


def _unknown(groups: Sequence[str], reason: str) -> dict[str, Estimate]:
    return {group: Estimate(value=None, reason=reason) for group in groups}
