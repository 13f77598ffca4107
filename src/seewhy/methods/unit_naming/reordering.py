"""How well a text's similarities put a unit's strongest images in the unit's own order."""

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.methods.unit_naming.information import Scores, Similarities, Strongest

SHARE = 0.05
"""The share of the images that count as a unit's strongest, as published."""
POWER = 3.0
SIMILARITY_POWER = 0.5
LEAST_SIMILARITY = 1e-3


def strongest_count(images: int) -> int:
    """A twentieth of the images; raises `UsageError` where that is fewer than two."""
    count = int(images * SHARE)
    if count < 2:
        raise UsageError(
            f"rank reorder looks at a twentieth of the images, and there are {images}. Give at "
            "least 40, or use another similarity."
        )
    return count


def rank_reorder(
    values: Float[Tensor, "units top"], similarities: Similarities, strongest: Strongest
) -> Scores:
    """Less the error of reordering, each to the third power; at most 0, which is the unit's order.

    `values` are the unit's activations on its strongest images, from the largest on; they are dealt
    out again in the order of a text's similarities. The error is divided by what it is in a random
    order, and by the root of the text's mean similarity with these images, which counts as 0.001
    where it is less. Source: Oikarinen and Weng, CLIP-Dissect, ICLR 2023 (rank reorder); there five
    random orders stand for all of them, and means below 0 give NaN.
    """
    rows = [
        _unit_scores(own, similarities[chosen])
        for own, chosen in zip(values, strongest, strict=True)
    ]
    return torch.stack(rows)


def error_by_chance(values: Float[Tensor, " top"]) -> Float[Tensor, ""]:
    """The mean error over all orders: that over all pairs of values."""
    return (values[:, None] - values[None]).abs().pow(POWER).mean()


def _unit_scores(
    values: Float[Tensor, " top"], similarities: Float[Tensor, "top texts"]
) -> Float[Tensor, " texts"]:
    places = similarities.argsort(dim=0, descending=True, stable=True).argsort(dim=0)
    errors = (values[:, None] - values[places]).abs().pow(POWER).mean(dim=0)
    mean = similarities.mean(dim=0).clamp(min=LEAST_SIMILARITY)
    # Where the strongest images are all alike no order is better than another.
    chance = error_by_chance(values)
    relative = torch.where(chance > 0, errors / chance, torch.ones(()))
    return -relative / mean.pow(SIMILARITY_POWER)
