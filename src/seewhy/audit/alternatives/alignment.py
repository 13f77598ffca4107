"""The classifier's weights read in the joint space of images and texts."""

import numpy as np
from jaxtyping import Float

from seewhy.audit.alternatives.permutations import permutations, without_others
from seewhy.audit.alternatives.ridge import LinearMap, fit_linear_map
from seewhy.audit.alternatives.subject import (
    Answer,
    Images,
    Subject,
    abstained,
    leading,
    permutation_p_value,
)
from seewhy.taps.heads import find_head

_LEAST_COSINE = 0.1
_LEAST_LOGITS = 0.1

Vectors = Float[np.ndarray, "vectors embed"]
Rows = Float[np.ndarray, "images columns"]


def weight_alignment(subject: Subject, *, images: Images) -> Answer:
    """Largest cosine between a mapped class weight and a caption direction, per group, 0 to 1.

    Class weights, less their mean, go through the ridge map from features to embeddings as if
    they were features. No answer when the map explains less than a tenth of the embeddings'
    variance. Source: after Moayeri et al., Text-To-Concept (and Back) via Cross-Model Alignment,
    ICML 2023.
    """
    aligned = feature_map(subject, images)
    if not aligned.fits:
        return abstained(subject.concepts)
    weight = find_head(subject.model).weight.double().numpy()
    mapped = (weight - weight.mean(axis=0)) @ aligned.weights
    strength = {
        group: float(np.abs(cosines(mapped, directions.T)).max())
        for group, directions in subject.directions().items()
    }
    return Answer(strength, dominant=leading(strength, least=_LEAST_COSINE))


def decision_covariance(subject: Subject, *, images: Images) -> Answer:
    """Covariance of the logits with each group's contrasts as the features tell them, in logits.

    The contrasts are those of the embeddings that the ridge map predicts from features, out of
    fold, in units of the encoder's own spread. P-values are those of a decision on the other
    groups alone. No answer when the map explains less than a tenth of the embeddings' variance.
    """
    aligned = feature_map(subject, images)
    if not aligned.fits:
        return abstained(subject.concepts)
    logits = subject.logits(images)
    logits = logits - logits.mean(axis=1, keepdims=True)
    contrasts = subject.contrasts(images)
    orders = permutations(len(logits), subject.generator())
    strength, p_values = {}, {}
    for group, directions in subject.directions().items():
        told = (aligned.predicted - aligned.offset) @ directions
        told = (told - told.mean(axis=0)) / max(total_spread(contrasts[group]), 1e-12)
        parts = without_others(contrasts, logits, group=group)
        strength[group] = float(covariance(told[None], logits)[0])
        by_chance = covariance(told[orders], parts.left, beside=told.T @ parts.explained)
        p_values[group] = permutation_p_value(strength[group], by_chance)
    return Answer(strength, p_values, leading(strength, least=_LEAST_LOGITS))


def feature_map(subject: Subject, images: Images) -> LinearMap:
    """The map from the model's features to the encoder's embeddings."""
    seen = subject.seen[images]
    return fit_linear_map(seen.features, seen.embeddings, subject.generator())


def cosines(
    first: Vectors, second: Float[np.ndarray, "others embed"]
) -> Float[np.ndarray, "vectors others"]:
    """Cosine of every pair; 0 with a vector of no length."""
    units = [
        vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        for vectors in (first, second)
    ]
    return np.asarray(units[0] @ units[1].T)


def total_spread(values: Rows) -> float:
    """Root of the summed variances of all columns."""
    return float(np.sqrt(values.var(axis=0).sum()))


def covariance(
    told: Float[np.ndarray, "draws images values"],
    outcomes: Float[np.ndarray, "images outputs"],
    *,
    beside: Float[np.ndarray, "values outputs"] | float = 0.0,
) -> Float[np.ndarray, " draws"]:
    """Root of the summed squared covariances of all pairs of columns, for each draw.

    Columns of `told` have mean 0; `beside` are sums of products that are the same in every draw.
    """
    products = (np.swapaxes(told, 1, 2) @ outcomes + beside) / len(outcomes)
    return np.asarray(np.sqrt((products**2).sum(axis=(1, 2))))
