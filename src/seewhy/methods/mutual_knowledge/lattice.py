"""Gaussian filtering of values that lie anywhere in a space of few dimensions, in linear time."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.errors import UsageError

Places = Float[Tensor, "points dim"]
Values = Float[Tensor, " points"]


class _Simplices(NamedTuple):
    """The corners around each point, in whole coordinates, and how near each of them is."""

    corners: Int[Tensor, "points corners dim"]
    nearness: Float[Tensor, "points corners"]


class _Corners(NamedTuple):
    """Each corner once: which one each point has, and the two beside each, by direction."""

    of_points: Int[Tensor, "points corners"]
    beside: Int[Tensor, "directions 2 known"]


@dataclass(frozen=True)
class Lattice:
    """A Gaussian of deviation 1 between points, by the corners of a permutohedral lattice.

    `blurred` comes close to the sum over points of exp(-|a - b|² / 2) times their values, up to
    a factor that is the same for all points. Neither time nor memory grow with the square of
    their number.

    Source: Adams, Baek and Davis, Fast High-Dimensional Filtering Using the Permutohedral
    Lattice, Computer Graphics Forum 29 (2010).
    """

    nearness: Float[Tensor, "points corners"]
    of_points: Int[Tensor, "points corners"]
    beside: Int[Tensor, "directions 2 known"]

    @classmethod
    def around(cls, places: Places) -> "Lattice":
        """The lattice of these places; raises `UsageError` where they lie too far apart."""
        corners, nearness = _simplices(places)
        return cls(nearness, *_corners(corners))

    def blurred(self, values: Values) -> Values:
        """Values carried to the corners, blurred along each direction, and read off again."""
        known = self.beside.shape[-1]
        # What lies outside the lattice is one more corner, which stays zero.
        held = values.new_zeros(known + 1)
        held.index_add_(0, self.of_points.flatten(), (self.nearness * values[:, None]).flatten())
        for one, other in self.beside:
            held[:-1] = held[:-1] / 2 + (held[one] + held[other]) / 4
        return (self.nearness * held[self.of_points]).sum(dim=1)


def _simplices(places: Places) -> _Simplices:
    dim = places.shape[1]
    lifted = places @ _lifting(dim).to(places)
    rounded = (lifted / (dim + 1)).round() * (dim + 1)
    surplus = (rounded.sum(dim=1, keepdim=True) / (dim + 1)).round().long()
    order = (lifted - rounded).argsort(dim=1, descending=True, stable=True)
    ranks = order.argsort(dim=1) + surplus
    turns = (ranks < 0).long() - (ranks > dim).long()
    ranks, rounded = ranks + turns * (dim + 1), rounded + turns * (dim + 1)
    left = ((lifted - rounded) / (dim + 1)).gather(1, ranks.argsort(dim=1))
    nearness = torch.cat([1 - left[:, :1] + left[:, -1:], left[:, :-1] - left[:, 1:]], dim=1)
    steps = torch.arange(dim + 1, device=places.device)
    is_over = ranks[:, None] > dim - steps[:, None]
    corners = rounded.long()[:, None] + steps[:, None] - (dim + 1) * is_over
    return _Simplices(corners[..., :dim], nearness.roll(-1, dims=1).flip(1))


def _lifting(dim: int) -> Float[Tensor, "dim corners"]:
    """An isometry onto the plane of coordinates that sum to zero, times what fits the blur."""
    rows = torch.ones(dim, dim + 1).tril()
    numbers = torch.arange(1, dim + 1)
    rows[numbers - 1, numbers] = -numbers.float()
    isometry = rows / (numbers * (numbers + 1)).sqrt()[:, None]
    return isometry * (math.sqrt(2 / 3) * (dim + 1))


def _corners(corners: Int[Tensor, "points corners dim"]) -> _Corners:
    dim = corners.shape[2]
    flat = corners.flatten(0, 1)
    least, most = flat.min(dim=0).values - dim, flat.max(dim=0).values + dim
    spans = most - least + 1
    if float(spans.double().log2().sum()) > 62:
        raise UsageError("the points of a lattice lie too far apart. Use a wider Gaussian.")
    radix = torch.cat([spans.new_ones(1), spans[:-1].cumprod(0)])
    codes = ((corners - least) * radix).sum(dim=-1)
    known, places = torch.unique(codes, return_inverse=True)
    moves = torch.ones(dim + 1, dim, dtype=torch.long) - (dim + 1) * torch.eye(dim + 1, dim).long()
    steps = (moves.to(radix.device) * radix).sum(dim=1)
    wanted = known + torch.stack([steps, -steps], dim=1)[..., None]
    found = torch.searchsorted(known, wanted).clamp(max=len(known) - 1)
    return _Corners(places, torch.where(known[found] == wanted, found, len(known)))
