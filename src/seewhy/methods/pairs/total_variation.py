"""How rough an image is."""

from typing import Literal

from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import Pixels

Differences = Literal["absolute", "squared"]


def total_variation(
    images: Pixels, *, differences: Differences = "squared"
) -> Float[Tensor, " batch"]:
    """The sum over neighbours, beside and below each other, of how much they differ."""
    steps = (images.diff(dim=-1), images.diff(dim=-2))
    sizes = (step.abs() if differences == "absolute" else step.square() for step in steps)
    return sum((size.flatten(1).sum(dim=1) for size in sizes), start=images.new_zeros(len(images)))
