"""Means, deviations and co-moments of units in one pass; parts of a pass merge exactly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

_VALUES_AT_ONCE = 2**18

Key = TypeVar("Key")

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

    def at(self, units: slice) -> "Moments":
        """The moments of some of the units."""
        return Moments(self.count, self.mean[units], self.squares[units])

    def cpu(self) -> "Moments":
        """The same where the processor reads them."""
        return Moments(self.count, self.mean.cpu(), self.squares.cpu())

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


@dataclass
class Totals:
    """Running sums and sums of squares of deviations from a pilot, per unit, in float64."""

    count: int
    total: Float[Tensor, " units"]
    squares: Float[Tensor, " units"]

    @classmethod
    def none(cls, units: int, device: torch.device) -> "Totals":
        """The sums over nothing."""
        zeros = torch.zeros(2, units, dtype=torch.float64, device=device)
        return cls(0, zeros[0], zeros[1])

    @classmethod
    def of(cls, values: ChannelsLast, *, about: Float[Tensor, " units"] | None = None) -> "Totals":
        """The sums over images and positions of values, or of values less `about`."""
        rows = values.flatten(0, 2)
        sums = cls.none(rows.shape[1], rows.device)
        # In pieces that stay in the processor's cache between the two sums.
        for piece in torch.split(rows, max(1, _VALUES_AT_ONCE // rows.shape[1])):
            deviations = piece.float() if about is None else piece - about
            sums.total += deviations.sum(0)
            sums.squares += deviations.square().sum(0)
        sums.count = len(rows)
        return sums

    def add(self, other: "Totals") -> None:
        """Take in the sums over other images."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares

    def moments(self, pilot: Float[Tensor, " units"]) -> Moments:
        """Mean and squares about the mean; exactly zero for a unit that never left its pilot."""
        mean = self.total / self.count
        squares = self.squares - self.total * mean
        return Moments(self.count, pilot.double() + mean, squares.clamp(min=0))


def add_totals(running: dict[Key, Totals], new: Mapping[Key, Totals]) -> None:
    """Take new sums into running ones, which are made where they are missing."""
    for key, totals in new.items():
        if key not in running:
            running[key] = Totals.none(len(totals.total), totals.total.device)
        running[key].add(totals)


@dataclass
class CrossMoments:
    """Sums of products of source and target units about their means on a common grid."""

    count: int
    source_mean: Float[Tensor, " sources"]
    target_mean: Float[Tensor, " targets"]
    sums: Float[Tensor, "sources targets"]

    def merge(self, other: "CrossMoments") -> None:
        """Take in other positions of the same units; the sums become float64.

        In place from then on, as the table may be large.
        """
        count = self.count + other.count
        source_gap = other.source_mean - self.source_mean
        target_gap = other.target_mean - self.target_mean
        self.sums = self.sums.double()
        self.sums += other.sums
        self.sums.addr_(source_gap, target_gap, alpha=self.count * other.count / count)
        self.source_mean = self.source_mean + source_gap * (other.count / count)
        self.target_mean = self.target_mean + target_gap * (other.count / count)
        self.count = count
