"""Means, deviations and co-moments of units in one pass; parts of a pass merge exactly."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

SiteMaps = Float[Tensor, "batch _ _ _"]
"""Activation maps (channels, rows, cols) of one of several sites, each with its own shape."""

ChannelsLast = Float[Tensor, "batch rows cols units"]
"""Activation maps with the units last: one matrix row per image and position."""


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations of each unit, over images and positions.

    Source of the merge: Chan, Golub, LeVeque, COMPSTAT 1982.
    """

    count: int
    mean: Float[Tensor, " units"]
    squares: Float[Tensor, " units"]

    @property
    def std(self) -> Float[Tensor, " units"]:
        """Population standard deviation; exactly zero for a constant unit."""
        return (self.squares / self.count).sqrt()

    def merged(self, other: "Moments") -> "Moments":
        """The moments of both sets of values together."""
        count = self.count + other.count
        gap = other.mean - self.mean
        between = gap.square() * (self.count * other.count / count)
        return Moments(
            count=count,
            mean=self.mean + gap * (other.count / count),
            squares=self.squares + other.squares + between,
        )


@dataclass(frozen=True)
class Centred:
    """The moments of values, and the values with `shift`, their mean up to rounding, taken off."""

    deviations: ChannelsLast
    shift: Float[Tensor, " units"]
    moments: Moments


def centred(values: ChannelsLast) -> Centred:
    """Split values into moments (float64) and deviations (the dtype of the values).

    A value of the unit itself is taken off first: that is exact where the values hardly vary,
    so constant units come out as exactly zero without sums in float64.
    """
    axes = (0, 1, 2)
    count = values[..., 0].numel()
    pivot = values[0, 0, 0]
    deviations = values - pivot
    offset = deviations.mean(axes)
    deviations -= offset
    rest = deviations.mean(axes).double()
    shift = pivot.double() + offset.double()
    per_image = torch.stack([image.square().sum((0, 1)) for image in deviations])
    squares = per_image.sum(0, dtype=torch.float64) - count * rest.square()
    return Centred(deviations, shift, Moments(count, shift + rest, squares.clamp(min=0)))


@dataclass
class CrossMoments:
    """Sums of products of source and target units about their means on a common grid."""

    count: int
    source_mean: Float[Tensor, " sources"]
    target_mean: Float[Tensor, " targets"]
    sums: Float[Tensor, "sources targets"]

    @classmethod
    def empty(cls, sources: int, targets: int, *, device: torch.device) -> "CrossMoments":
        """The co-moments of nothing, ready to merge others into (float64)."""
        zeros = torch.zeros(sources + targets, dtype=torch.float64, device=device)
        sums = torch.zeros(sources, targets, dtype=torch.float64, device=device)
        return cls(0, zeros[:sources], zeros[sources:], sums)

    def merge(self, other: "CrossMoments") -> None:
        """Take in other positions of the same units, in place: the table may be large."""
        count = self.count + other.count
        source_gap = other.source_mean - self.source_mean
        target_gap = other.target_mean - self.target_mean
        self.sums += other.sums
        self.sums.addr_(source_gap, target_gap, alpha=self.count * other.count / count)
        self.source_mean = self.source_mean + source_gap * (other.count / count)
        self.target_mean = self.target_mean + target_gap * (other.count / count)
        self.count = count
