"""One number for each unit and image, out of what a site gives."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seewhy.base.axes import Maps
from seewhy.base.errors import UsageError
from seewhy.models.sites import Site

Summary = Literal["mean", "max"]

Activations = Float[Tensor, "images units"]
"""One number for each unit and image."""


def summarised(maps: Maps, *, by: Summary) -> Activations:
    """The mean over all positions, as published, or the largest value, which no place thins out."""
    values = maps.float().flatten(2)
    return values.mean(dim=2) if by == "mean" else values.amax(dim=2)


def unit_activations(site: Site, output: Tensor, *, by: Summary) -> Activations:
    """The units of a site's output: channels of maps or tokens, or the values of a vector.

    Raises `UsageError` for outputs that are none of these.
    """
    if output.ndim == 2:
        return output.float()
    if output.ndim == 4:
        return summarised(output, by=by)
    if output.ndim == 3 and site.layout == "tokens":
        return summarised(site.to_maps(output), by=by)
    raise UsageError(
        f"site {site.name!r} gave shape {tuple(output.shape)}; wanted maps (batch, channels, rows, "
        "cols), vectors (batch, units), or tokens. Give tokens as Site(name, 'tokens', prefix, "
        "grid)."
    )


def answers(activations: Activations) -> Bool[Tensor, " units"]:
    """Whether a unit differs between any two images at all; one that does not has no name."""
    return activations.amax(dim=0) > activations.amin(dim=0)


def strongest_images(activations: Activations, *, count: int) -> Tensor:
    """The images (units, count) on which each unit is strongest; ties to the earlier image."""
    order = torch.argsort(activations, dim=0, descending=True, stable=True)
    return order[:count].T.contiguous()
