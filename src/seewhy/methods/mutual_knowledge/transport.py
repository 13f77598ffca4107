"""Texts shared out among parts, each to where it is more than elsewhere: formulas."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seewhy.base.errors import UsageError

ROUNDS = 1000
"""The published number; far fewer are made where the plan stops changing."""

TOLERANCE = 1e-9

Similarities = Float[Tensor, "*batch parts texts"]
Plan = Float[Tensor, "*batch parts texts"]


@dataclass(frozen=True, eq=False)
class Transport:
    """A plan, the rounds that it took, and by how much its logarithm changed in the last.

    Columns sum to 1 (a column of forbidden pairs to 0), rows to texts / parts as far as the plan
    has converged.
    """

    plan: Plan
    rounds: Int[Tensor, "*batch"]
    change: Float[Tensor, "*batch"]

    @property
    def has_converged(self) -> Bool[Tensor, "*batch"]:
        """Whether the last round changed no logarithm by more than the tolerance."""
        return self.change <= TOLERANCE


def sinkhorn(
    similarities: Similarities, *, sharpness: float = 1.0, rounds: int = ROUNDS
) -> Transport:
    """exp(sharpness s) brought to equal sums of rows and then of columns, round after round.

    In double precision and by logarithms, so nothing overflows however large similarities are.
    Each matrix of a batch stops by itself once no logarithm of its plan changes by more than
    1e-9. A similarity of minus infinity forbids a pair. `sharpness` is an inverse temperature,
    1 / lambda in the paper and "epsilon" in its code.
    """
    if rounds < 1:
        raise UsageError(f"a transport takes at least one round; got {rounds}.")
    kernel = _kernel(similarities, sharpness)
    batch = kernel.shape[:-2]
    columns = kernel.new_zeros((*batch, 1, kernel.shape[-1]))
    found = kernel
    change = torch.full(batch, torch.inf, dtype=kernel.dtype, device=kernel.device)
    made = torch.zeros(batch, dtype=torch.long, device=kernel.device)
    while (is_open := (change > TOLERANCE) & (made < rounds)).any():
        rows = -_finite_sum(kernel + columns, -1)
        following = torch.where(is_open[..., None, None], -_finite_sum(kernel + rows, -2), columns)
        plan = torch.where(is_open[..., None, None], kernel + rows + following, found)
        change = torch.where(is_open, _distance(plan, found), change)
        made = made + is_open
        columns, found = following, plan
    return Transport(found.exp(), made, change)


def centred(similarities: Similarities, *, sharpness: float = 1.0) -> Similarities:
    """Similarities less the means of their row and column, plus the mean of all, times sharpness.

    The logarithm of parts times the plan to first order: what a transport gives where
    similarities differ by little against 1 / sharpness. All of them are finite.
    """
    scaled = _kernel(similarities, sharpness)
    rows, columns = (scaled.mean(dim=dim, keepdim=True) for dim in (-1, -2))
    return scaled - rows - columns + scaled.mean(dim=(-2, -1), keepdim=True)


def _kernel(similarities: Similarities, sharpness: float) -> Similarities:
    if not sharpness > 0 or sharpness == float("inf"):
        raise UsageError(f"the sharpness of a transport is above 0 and finite; got {sharpness}.")
    if (similarities.isnan() | similarities.isposinf()).any():
        raise UsageError("similarities are numbers or, for forbidden pairs, minus infinity.")
    return similarities.double() * sharpness


def _finite_sum(logarithms: Similarities, dim: int) -> Float[Tensor, "*batch rows columns"]:
    """The logarithm of a sum; 0 where nothing is summed, so that it changes nothing."""
    sums = logarithms.logsumexp(dim=dim, keepdim=True)
    return torch.where(sums.isneginf(), 0.0, sums)


def _distance(first: Similarities, second: Similarities) -> Float[Tensor, "*batch"]:
    """The largest difference over pairs that are not forbidden; 0 where there is no pair."""
    apart = torch.where(first.isneginf(), 0.0, (first - second).abs())
    return (
        apart.flatten(-2).amax(dim=-1) if apart.shape[-2] * apart.shape[-1] else apart.sum((-2, -1))
    )
