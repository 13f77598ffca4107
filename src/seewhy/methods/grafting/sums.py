"""The sums of a pass over image pairs, and the best source of each target unit."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.methods.grafting.method import EPSILON
from seewhy.methods.grafting.moments import (
    Centred,
    ChannelsLast,
    CrossMoments,
    Moments,
    SiteMaps,
    centred,
)
from seewhy.methods.grafting.resizing import Size, adjoint_resize

Shape = tuple[int, int, int]

TABLE_COLUMNS = 1024
"""Target units whose scores with all source units of one size are held at once."""


def cross_moments(source: Centred, target: Centred) -> CrossMoments:
    """Co-moments of all pairs of units, both resized to the larger size along each axis.

    Nothing is enlarged: <U a, c> = <a, U' c>, so the products are taken at the smaller size,
    and sums over the larger grid are products with U' 1.
    """
    batch, *source_size, _ = source.deviations.shape
    _, *target_size, _ = target.deviations.shape
    rows, cols = map(min, source_size, target_size)
    count = batch * max(source_size[0], target_size[0]) * max(source_size[1], target_size[1])
    left = adjoint_resize(source.deviations, (rows, cols)).flatten(0, 2)
    right = adjoint_resize(target.deviations, (rows, cols)).flatten(0, 2)
    left_mean = _unit_weights(target.deviations, (rows, cols)) @ left / count
    right_mean = _unit_weights(source.deviations, (rows, cols)) @ right / count
    return CrossMoments(
        count=count,
        source_mean=source.shift + left_mean,
        target_mean=target.shift + right_mean,
        sums=(left.T @ right).addr_(left_mean, right_mean, alpha=-count),
    )


def _unit_weights(like: ChannelsLast, size: Size) -> Float[Tensor, " positions"]:
    """A constant map of one after `adjoint_resize`, flattened over images and positions."""
    return adjoint_resize(torch.ones_like(like[..., :1]), size).flatten()


def standardised_products(
    cross: CrossMoments, source: Moments, target: Moments, *, columns: slice
) -> Float[Tensor, "sources columns"]:
    """Mean product of the standardised maps on the common grid; constant units score zero."""
    table = cross.sums[:, columns] / cross.count
    table.addr_(cross.source_mean - source.mean, (cross.target_mean - target.mean)[columns])
    return table.div_((source.std + EPSILON)[:, None]).div_((target.std + EPSILON)[columns])


def units_by_size(shapes: Iterable[Shape]) -> dict[Size, Int[Tensor, " units"]]:
    """Which units, counted through all (channels, rows, cols) shapes, have maps of each size."""
    units: dict[Size, list[Tensor]] = {}
    first = 0
    for channels, rows, cols in shapes:
        units.setdefault((rows, cols), []).append(torch.arange(first, first + channels))
        first += channels
    return {size: torch.cat(parts) for size, parts in units.items()}


@dataclass
class MatchingSums:
    """All that a pass over image pairs has to remember; parts of a pass merge."""

    images: int = 0
    source_shapes: tuple[Shape, ...] = ()
    target_shapes: tuple[Shape, ...] = ()
    sources: dict[Size, Moments] = field(default_factory=dict)
    targets: dict[Size, Moments] = field(default_factory=dict)
    crosses: dict[tuple[Size, Size], CrossMoments] = field(default_factory=dict)

    def add(self, source_maps: Sequence[SiteMaps], target_maps: Sequence[SiteMaps]) -> None:
        """Take in one batch: the maps of every site of both networks, for the same images."""
        shapes = _shapes(source_maps), _shapes(target_maps)
        self._accept(MatchingSums(len(source_maps[0]), *shapes))
        device = source_maps[0].device
        with torch.autocast(device.type, enabled=False):
            targets = dict(_stacks(target_maps, device=device))
            for size, source in _stacks(source_maps, device=device):
                _merge_moments(self.sources, {size: source.moments})
                for target_size, target in targets.items():
                    self._merge_cross((size, target_size), cross_moments(source, target))
        _merge_moments(self.targets, {size: stack.moments for size, stack in targets.items()})

    def merge(self, other: "MatchingSums") -> None:
        """Take in another part of the pass, over the same sites and other images."""
        if not other.images:
            return
        self._accept(other)
        _merge_moments(self.sources, other.sources)
        _merge_moments(self.targets, other.targets)
        for sizes, cross in other.crosses.items():
            self._merge_cross(sizes, cross)

    def _accept(self, part: "MatchingSums") -> None:
        if not self.images:
            self.source_shapes, self.target_shapes = part.source_shapes, part.target_shapes
        mine, theirs = ((sums.source_shapes, sums.target_shapes) for sums in (self, part))
        if mine != theirs:
            raise UsageError(
                f"the maps of a batch have shapes {theirs} (channels, rows, cols); earlier ones "
                f"had {mine}. Give all images the same size, and both passes the same sites."
            )
        self.images += part.images

    def _merge_cross(self, sizes: tuple[Size, Size], cross: CrossMoments) -> None:
        if sizes not in self.crosses:
            self.crosses[sizes] = CrossMoments.empty(*cross.sums.shape, device=cross.sums.device)
        self.crosses[sizes].merge(cross)


def _merge_moments(total: dict[Size, Moments], part: Mapping[Size, Moments]) -> None:
    for size, moments in part.items():
        total[size] = total[size].merged(moments) if size in total else moments


def _shapes(maps: Iterable[SiteMaps]) -> tuple[Shape, ...]:
    return tuple((each.shape[1], each.shape[2], each.shape[3]) for each in maps)


def _stacks(maps: Iterable[SiteMaps], *, device: torch.device) -> Iterator[tuple[Size, Centred]]:
    """All maps of one size side by side, in the order of the sites."""
    groups: dict[Size, list[Tensor]] = {}
    for each in maps:
        size = (each.shape[2], each.shape[3])
        groups.setdefault(size, []).append(each.permute(0, 2, 3, 1).to(device, torch.float32))
    for size, group in groups.items():
        yield size, centred(torch.cat(group, dim=3))


@dataclass(frozen=True)
class BestSources:
    """The best source unit of each target unit, counted through all units, and its score."""

    index: Int[Tensor, " targets"]
    score: Float[Tensor, " targets"]


def best_sources(sums: MatchingSums) -> BestSources:
    """The source unit with the largest score per target unit; ties go to the lowest index."""
    columns = units_by_size(sums.target_shapes)
    total = sum(map(len, columns.values()))
    index = torch.zeros(total, dtype=torch.int64)
    score = torch.zeros(total, dtype=torch.float64)
    for size, units in columns.items():
        best = _best_of_size(sums, size)
        index[units], score[units] = best.index, best.score
    return BestSources(index, score)


def _best_of_size(sums: MatchingSums, target_size: Size) -> BestSources:
    rows = units_by_size(sums.source_shapes)
    bests = [_best_of_sizes(sums, (size, target_size), units) for size, units in rows.items()]
    scores = torch.stack([best.score for best in bests])
    indices = torch.stack([best.index for best in bests])
    top = scores.amax(dim=0)
    never = torch.iinfo(torch.int64).max
    return BestSources(torch.where(scores == top, indices, never).amin(dim=0), top)


def _best_of_sizes(
    sums: MatchingSums, sizes: tuple[Size, Size], units: Int[Tensor, " units"]
) -> BestSources:
    source, target = sums.sources[sizes[0]], sums.targets[sizes[1]]
    tops = []
    for first in range(0, len(target.mean), TABLE_COLUMNS):
        columns = slice(first, first + TABLE_COLUMNS)
        table = standardised_products(sums.crosses[sizes], source, target, columns=columns)
        tops.append(table.max(dim=0))
    index = torch.cat([top.indices for top in tops]).cpu()
    return BestSources(units[index], torch.cat([top.values for top in tops]).cpu())


def per_unit(
    moments: Mapping[Size, Moments], shapes: Sequence[Shape]
) -> tuple[Float[Tensor, " units"], Float[Tensor, " units"]]:
    """Mean and standard deviation of each unit, in the order of the sites, not of their sizes."""
    mean = torch.zeros(sum(shape[0] for shape in shapes), dtype=torch.float64)
    std = torch.zeros_like(mean)
    for size, units in units_by_size(shapes).items():
        mean[units], std[units] = moments[size].mean.cpu(), moments[size].std.cpu()
    return mean, std
