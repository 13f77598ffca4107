"""Cosines between a unit's activations and a text's similarities, cubed or as ranks."""

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.methods.unit_naming.activations import Activations
from seewhy.methods.unit_naming.information import Scores, Similarities

SHORTEST = 1e-3
"""What the length of a cubed column counts as at least, as published."""

Columns = Float[Tensor, "images _"]


def cubed(values: Columns, *, shortest: float = SHORTEST) -> Columns:
    """Columns less their mean, to the third power, at unit length: the largest values count most.

    Columns shorter than `shortest` stay shorter than one. Over a few hundred images the cubes of
    cosines are, with the published 0.001, so that texts that vary little score near 0.
    """
    cubes = (values.double() - values.double().mean(dim=0)) ** 3
    lengths: Tensor = cubes.norm(dim=0).clamp(min=shortest)
    return (cubes / lengths).float()


def ranked(values: Columns) -> Columns:
    """Columns of ranks less their mean at unit length; equal values share their mean rank.

    A constant column becomes 0.
    """
    ranks = _mean_ranks(values)
    centred = ranks - ranks.mean(dim=0)
    lengths = centred.norm(dim=0)
    return torch.where(lengths > 0, centred / lengths.clamp(min=1e-12), 0.0).float()


def _mean_ranks(values: Columns) -> Columns:
    in_order, order = values.sort(dim=0)
    columns = in_order.T.contiguous()
    below = torch.searchsorted(columns, columns, right=False)
    upto = torch.searchsorted(columns, columns, right=True)
    return torch.empty(values.shape, dtype=torch.float64).scatter_(
        0, order, (below + upto - 1).T.double() / 2
    )


def cubed_cosines(
    activations: Activations, similarities: Similarities, *, shortest: float = SHORTEST
) -> Scores:
    """The cosine of the cubed columns, -1 to 1.

    Source: Oikarinen and Weng, CLIP-Dissect, ICLR 2023 (cos cubed).
    """
    return cubed(activations, shortest=shortest).T @ cubed(similarities, shortest=shortest)


def rank_correlations(activations: Activations, similarities: Similarities) -> Scores:
    """Spearman's rank correlation over all images, -1 to 1; 0 for a unit that never varies."""
    return ranked(activations).T @ ranked(similarities)
