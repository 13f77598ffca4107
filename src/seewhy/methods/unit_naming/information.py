"""Soft weighted pointwise mutual information between a unit's strongest images and a text."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.errors import UsageError

SHARPNESS = 10.0
"""What similarities are multiplied with before the softmax over the texts, as published."""
MOST_IMAGES = 100
"""How many of a unit's strongest images count, as published."""
STRONGEST, WEAKEST = 0.998, 0.97
"""How likely the first of these images is an example of what the unit answers to, and, in steps of
one over their number, almost the last."""
EPSILON = 1e-7

_VALUES_AT_ONCE = 2**24

Similarities = Float[Tensor, "images texts"]
"""Cosines of images with texts, from -1 to 1."""

Probabilities = Float[Tensor, "images texts"]
"""How an image is shared out among the texts; each row sums to one."""

Scores = Float[Tensor, "units texts"]
"""How much a unit answers to a text; more is better."""

Strongest = Int[Tensor, "units top"]
"""A unit's strongest images, from the strongest on."""


def text_probabilities(
    similarities: Similarities, *, sharpness: float = SHARPNESS
) -> Probabilities:
    """softmax(10 * similarity) over the texts; so a text's share depends on the whole bank."""
    return torch.softmax(sharpness * similarities, dim=1)


def membership(count: int) -> Float[Tensor, " top"]:
    """How likely each of the strongest images is an example, from 0.998 down to just above 0.97."""
    return STRONGEST - torch.arange(count) / count * (STRONGEST - WEAKEST)


def log_likelihoods(probabilities: Probabilities, strongest: Strongest) -> Scores:
    """Log P(text | images) = sum over the images of log(1 + p (P(text | image) - 1) + 1e-7).

    p is the `membership` of the image. At most 0; 0 were a text with all of each image.
    """
    weights = membership(strongest.shape[1])[:, None].to(probabilities)
    at_once = max(1, _VALUES_AT_ONCE // (strongest.shape[1] * probabilities.shape[1]))
    parts = [
        (1 + weights * (probabilities[chosen] - 1) + EPSILON).log().sum(dim=1)
        for chosen in torch.split(strongest, at_once)
    ]
    return torch.cat(parts)


def prior_over_units(likelihoods: Scores) -> Float[Tensor, " texts"]:
    """Log of the mean of P(text | images) over the units named together: the published prior.

    With it the exponentials of a text's scores sum to the number of units, so that no score
    exceeds its logarithm, and each depends on which other units are named. Raises `UsageError` for
    a single unit, whose scores would all be 0.
    """
    if len(likelihoods) < 2:
        raise UsageError(
            "the published prior compares units, and there is one. Name several together, or use "
            "protocol='mended'."
        )
    number = torch.tensor(float(len(likelihoods)))
    return torch.logsumexp(likelihoods, dim=0) - number.log()


def prior_by_chance(probabilities: Probabilities, *, top: int) -> Float[Tensor, " texts"]:
    """What `log_likelihoods` gives on average over images drawn at random: our prior.

    It depends on the probe images and the bank alone, so a unit's scores are its own; 0 is chance.
    """
    total = torch.zeros(probabilities.shape[1])
    for weight in membership(top).tolist():
        total += (1 + weight * (probabilities - 1) + EPSILON).log().mean(dim=0)
    return total


def soft_wpmi(likelihoods: Scores, prior: Float[Tensor, " texts"]) -> Scores:
    """Log P(text | images) - log P(text), in nats; any sign.

    Source: Oikarinen and Weng, CLIP-Dissect, ICLR 2023 (SoftWPMI), with the weight 1 of the prior
    and the other constants of its code.
    """
    return likelihoods - prior
