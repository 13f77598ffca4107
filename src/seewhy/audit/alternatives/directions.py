"""Counterfactual captions: another value's caption moves the image, and the decision with it."""

import numpy as np
from jaxtyping import Float, Int

from seewhy.audit.alternatives.ridge import LinearMap, fit_linear_map
from seewhy.audit.alternatives.subject import Answer, Images, Subject, abstained, leading
from seewhy.audit.readings import softmax
from seewhy.taps.heads import Head, find_head

_LEAST_MOVED = 0.01

Embeddings = Float[np.ndarray, "images embed"]
PerImage = Float[np.ndarray, " images"]


def caption_moves(subject: Subject, *, images: Images) -> Answer:
    """The share of probability that moves when a caption's other value moves the image, 0 to 1.

    An image's embedding goes along (caption of another value - caption of the value that the
    encoder reads), by twice the standard deviation of the images along that line; a ridge map
    from embeddings to features takes the move to the classifier's own head. The mean over images
    and other values. No answer when that map explains less than a tenth of the features' variance.
    """
    seen = subject.seen[images]
    to_features = fit_linear_map(seen.embeddings, seen.features, subject.generator())
    if not to_features.fits:
        return abstained(subject.concepts)
    head = find_head(subject.model)
    logits, contrasts = subject.logits(images), subject.contrasts(images)
    strength = {}
    for group, directions in subject.directions().items():
        steps = moves(seen.embeddings, directions, read=contrasts[group].argmax(axis=1))
        moved = [probability_moved(logits, _change(step, to_features, head)) for step in steps]
        strength[group] = float(np.mean(moved))
    return Answer(strength, dominant=leading(strength, least=_LEAST_MOVED))


def moves(
    embeddings: Embeddings,
    directions: Float[np.ndarray, "embed values"],
    *,
    read: Int[np.ndarray, " images"],
) -> list[Embeddings]:
    """For each other value in turn, the step that takes each image there from the value `read`.

    A step is as long as two standard deviations of all images along it; captions that do not
    differ give no step.
    """
    values = directions.shape[1]
    steps = []
    for shift in range(1, values):
        wanted = (directions[:, (read + shift) % values] - directions[:, read]).T
        length = np.linalg.norm(wanted, axis=1, keepdims=True)
        unit = np.divide(wanted, length, out=np.zeros_like(wanted), where=length > 1e-12)
        steps.append(2 * _spread(embeddings, unit)[:, None] * unit)
    return steps


def _spread(embeddings: Embeddings, units: Embeddings) -> PerImage:
    """Standard deviation of all embeddings along each of the units."""
    centred = embeddings - embeddings.mean(axis=0)
    lines, which = np.unique(units, axis=0, return_inverse=True)
    return np.asarray((centred @ lines.T).std(axis=0)[which.ravel()])


def _change(
    step: Embeddings, to_features: LinearMap, head: Head
) -> Float[np.ndarray, "images classes"]:
    """How far the logits go when the embedding takes a step."""
    return np.asarray(step @ to_features.weights @ head.weight.double().numpy().T)


def probability_moved(
    logits: Float[np.ndarray, "images classes"], change: Float[np.ndarray, "images classes"]
) -> float:
    """Mean over images of the probability that goes from some classes to others, 0 to 1."""
    moved = np.abs(softmax(logits + change) - softmax(logits)).sum(axis=1) / 2
    return float(moved.mean())
