"""Every unit with every text, also when the images are shuffled between the two."""

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.methods.unit_naming.activations import Activations, strongest_images
from seewhy.methods.unit_naming.correlations import SHORTEST, Columns, cubed, ranked
from seewhy.methods.unit_naming.information import (
    MOST_IMAGES,
    Probabilities,
    Scores,
    Similarities,
    Strongest,
    log_likelihoods,
    prior_by_chance,
    prior_over_units,
    soft_wpmi,
    text_probabilities,
)
from seewhy.methods.unit_naming.reordering import rank_reorder, strongest_count

Similarity = Literal["soft-wpmi", "rank-reorder", "cosine-cubed", "rank-correlation"]
SIMILARITIES: tuple[Similarity, ...] = (
    "soft-wpmi",
    "rank-reorder",
    "cosine-cubed",
    "rank-correlation",
)

Protocol = Literal["mended", "published"]

Order = Int[Tensor, " images"]
ScoresInOrder = Callable[[Order], Scores]
"""The scores when image i of the units is image order[i] of the texts."""

LEAST_IMAGES = 20
_NO_LENGTH = 1e-30


def scores_in_order(
    activations: Activations,
    similarities: Similarities,
    *,
    similarity: Similarity = "soft-wpmi",
    protocol: Protocol = "mended",
) -> ScoresInOrder:
    """The scores of a similarity function, with all that no order changes done once.

    Raises `UsageError` for too few images.
    """
    images = len(activations)
    if images < LEAST_IMAGES:
        raise UsageError(f"{images} images can name no unit; give at least {LEAST_IMAGES}.")
    match similarity:
        case "soft-wpmi":
            return _information(activations, similarities, protocol)
        case "rank-reorder":
            chosen = strongest_images(activations, count=strongest_count(images))
            values = activations.T.gather(1, chosen)
            return partial(_reordered, values, similarities, chosen)
        case "cosine-cubed":
            shortest = SHORTEST if protocol == "published" else _NO_LENGTH
            both = (cubed(each, shortest=shortest) for each in (activations, similarities))
            return partial(_products, *both)
        case "rank-correlation":
            return partial(_products, ranked(activations), ranked(similarities))


def top_images(images: int, protocol: Protocol) -> int:
    """How many strongest images soft WPMI looks at: the published 100, or a tenth if fewer."""
    if protocol == "published" and images < MOST_IMAGES:
        raise UsageError(
            f"the published soft WPMI looks at {MOST_IMAGES} images, and there are {images}. Give "
            "more, or use protocol='mended', which looks at a tenth of them."
        )
    return MOST_IMAGES if protocol == "published" else min(MOST_IMAGES, images // 10)


def _information(
    activations: Activations, similarities: Similarities, protocol: Protocol
) -> ScoresInOrder:
    chosen = strongest_images(activations, count=top_images(len(activations), protocol))
    probabilities = text_probabilities(similarities)
    if protocol == "published":
        return partial(_among_units, probabilities, chosen)
    prior = prior_by_chance(probabilities, top=chosen.shape[1])
    return partial(_above_chance, probabilities, chosen, prior)


def _among_units(probabilities: Probabilities, chosen: Strongest, order: Order) -> Scores:
    likelihoods = log_likelihoods(probabilities, order[chosen])
    return soft_wpmi(likelihoods, prior_over_units(likelihoods))


def _above_chance(
    probabilities: Probabilities,
    chosen: Strongest,
    prior: Float[Tensor, " texts"],
    order: Order,
) -> Scores:
    return soft_wpmi(log_likelihoods(probabilities, order[chosen]), prior)


def _reordered(
    values: Float[Tensor, "units top"], similarities: Similarities, chosen: Strongest, order: Order
) -> Scores:
    return rank_reorder(values, similarities, order[chosen])


def _products(activations: Columns, similarities: Columns, order: Order) -> Scores:
    return activations.T @ similarities[order]


def true_order(images: int) -> Order:
    """Every image with itself."""
    return torch.arange(images)
