"""Regions with every channel at the same scale while a network learns, and as they are afterwards.

Networks read regions, and weighted means of them, by affine maps alone. So training on scaled
regions needs no other network: its maps are rewritten for plain regions, with the same scores.
Without it the place of a region, six small numbers beside a hundred larger ones, is hardly learnt.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seewhy.models.editing.building import Network
from seewhy.models.editing.editnet import EditNet
from seewhy.models.editing.features import PaddedRegions
from seewhy.models.editing.look_modify import LookModify
from seewhy.training.editing.batches import RegionTable

_MOST_IMAGES = 512
_LEAST = 0.1
"""No channel is enlarged more than ten times as much as the mean one."""


@dataclass(frozen=True, eq=False)
class Scale:
    """The mean of each channel of a region, and its standard deviation."""

    mean: Float[Tensor, " channels"]
    deviation: Float[Tensor, " channels"]

    @classmethod
    def of(cls, table: RegionTable) -> "Scale":
        """Of images that lie evenly in a table."""
        count = min(len(table), _MOST_IMAGES)
        found = table([place * len(table) // count for place in range(count)])
        is_region = torch.arange(found.regions.shape[1]) < found.counts[:, None]
        regions = found.regions[is_region]
        deviation = regions.std(dim=0, correction=0)
        least = _LEAST * deviation.mean()
        return cls(regions.mean(dim=0), deviation.clamp(min=float(least) or 1.0))

    def scaled(self, found: PaddedRegions) -> PaddedRegions:
        """Regions with mean 0 and deviation 1 in each channel."""
        return PaddedRegions((found.regions - self.mean) / self.deviation, found.counts)


@dataclass(frozen=True, eq=False)
class ScaledRegions:
    """The regions of a table, scaled."""

    table: RegionTable
    scale: Scale

    def __len__(self) -> int:
        return len(self.table)

    def __call__(self, places: Sequence[int]) -> PaddedRegions:
        """The regions of these images side by side."""
        return self.scale.scaled(self.table(places))


def scaled_regions(table: RegionTable, scale: Scale | None) -> RegionTable:
    """The table itself without a scale."""
    return table if scale is None else ScaledRegions(table, scale)


class _Reader(NamedTuple):
    """An affine map of regions; `weight` may be a part of a matrix."""

    weight: Tensor
    bias: nn.Parameter


def for_plain_regions(network: Network, scale: Scale) -> None:
    """Rewrite a network that knows scaled regions: it scores plain ones as it did those."""
    with torch.no_grad():
        for weight, bias in _readers(network):
            weight.div_(scale.deviation.to(weight))
            bias.sub_(weight @ scale.mean.to(weight))


def for_scaled_regions(network: Network, scale: Scale) -> None:
    """The other way round."""
    with torch.no_grad():
        for weight, bias in _readers(network):
            bias.add_(weight @ scale.mean.to(weight))
            weight.mul_(scale.deviation.to(weight))


def _readers(network: Network) -> Iterator[_Reader]:
    """All that reads regions; nothing of a DCNet does."""
    if isinstance(network, EditNet):
        channels = network.config.features
        joined, copied = network.attention_lstm.inputs, network.copy_lstm.inputs
        yield _Reader(joined.weights[3], joined.bias)
        yield _Reader(network.region_vectors.weight, network.region_vectors.bias)
        yield _Reader(copied.weight[:, -channels:], copied.bias)
    elif isinstance(network, LookModify):
        for place, map_ in (
            (1, network.attention_lstm.inputs),
            (1, network.sentinel_inputs),
            (0, network.language_lstm.inputs),
        ):
            yield _Reader(map_.weights[place], map_.bias)
        keys = network.region_attention.keys
        yield _Reader(keys.weight, keys.bias)
