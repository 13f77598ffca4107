"""Captions that suit the wrongly classified images of a class better than the right ones."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from seewhy.audit.alternatives.permutations import PERMUTATIONS
from seewhy.audit.alternatives.subject import (
    Answer,
    Subject,
    abstained,
    leading,
    permutation_p_value,
)
from seewhy.audit.readings import ORIGINAL

FEWEST = 5
_LEAST_GAP = 0.005

Similarities = Float[np.ndarray, "images captions"]


@dataclass(frozen=True)
class Judged:
    """The images of classes that have both errors and right answers.

    `wrong` tells which are classified wrongly, `label` numbers their classes.
    """

    similarities: Similarities
    wrong: Bool[np.ndarray, " images"]
    label: Int[np.ndarray, " images"]


def bias_keywords(subject: Subject) -> Answer:
    """Largest mean cosine of a group's captions with wrong images less that with right ones.

    The largest over the classes with at least five wrong and five right images, where each class
    is compared with itself; without such a class, or without labels, no answer. P-values deal the
    errors to other images of the same class. Source: after Kim et al., Discovering and Mitigating
    Visual Biases through Keyword Explanation (B2T), CVPR 2024, with given captions as keywords.
    """
    judged = _judged(subject)
    if judged is None:
        return abstained(subject.concepts)
    generator = subject.generator()
    observed = gaps(judged, judged.wrong)
    by_chance = np.stack([gaps(judged, _dealt(judged, generator)) for _ in range(PERMUTATIONS)])
    strength, p_values, first = {}, {}, 0
    for group in subject.concepts.groups:
        last = first + sum(len(value.captions) for value in group.values)
        strength[group.name] = max(float(observed[first:last].max()), 0.0)
        p_values[group.name] = permutation_p_value(
            strength[group.name], by_chance[:, first:last].max(axis=1)
        )
        first = last
    return Answer(strength, p_values, leading(strength, least=_LEAST_GAP))


def gaps(judged: Judged, wrong: Bool[np.ndarray, " images"]) -> Float[np.ndarray, " captions"]:
    """Per caption the largest gap between wrong and right images over the classes, in cosines."""
    rows = []
    for number in np.unique(judged.label):
        own = judged.label == number
        wrong_mean = judged.similarities[own & wrong].mean(axis=0)
        rows.append(wrong_mean - judged.similarities[own & ~wrong].mean(axis=0))
    return np.asarray(np.max(rows, axis=0))


def _judged(subject: Subject) -> Judged | None:
    known = {name: number for number, name in enumerate(subject.model.classes)}
    records = subject.yours.records
    label = np.array([known.get(record.label or "", -1) for record in records])
    wrong = subject.logits("yours").argmax(axis=1) != label
    usable = [
        number
        for number in known.values()
        if min((wrong & (label == number)).sum(), (~wrong & (label == number)).sum()) >= FEWEST
    ]
    if not usable:
        return None
    rows = np.isin(label, usable)
    similarities = subject.yours.similarities[ORIGINAL].astype(np.float64)
    return Judged(similarities[rows], wrong[rows], label[rows])


def _dealt(judged: Judged, generator: np.random.Generator) -> Bool[np.ndarray, " images"]:
    """The errors of each class dealt to its images at random."""
    wrong = judged.wrong.copy()
    for number in np.unique(judged.label):
        own = judged.label == number
        wrong[own] = generator.permutation(wrong[own])
    return wrong
