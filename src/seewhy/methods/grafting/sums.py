"""The sums of a pass over image pairs, and the best source of each target unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.methods.grafting.carriers import Weight
from seewhy.methods.grafting.method import EPSILON
from seewhy.methods.grafting.moments import (
    ChannelsLast,
    CrossMoments,
    Key,
    Moments,
    Totals,
    add_totals,
)
from seewhy.methods.grafting.resizing import Size, adjoint_weights
from seewhy.methods.grafting.stacks import HeldMaps, Shape, places_of, units_by_size

TABLE_VALUES = 2**19
"""Scores that are computed at once, so few that they stay in the processor's cache."""

_SINGLE_PRECISION_IMAGES = 512

SizePair = tuple[Size, Size]

Factors = tuple[Tensor, Tensor]
"""Maps of sources and of targets on one grid, a row per image and position."""


@dataclass
class MatchingSums:
    """All that a pass over image pairs has to remember; parts of a pass merge.

    Sources are the maps that carry the sites (see `Carrier`), by size. `units` are the moments of
    the sites, by number, whose own maps are not among them.
    """

    images: int = 0
    source_shapes: tuple[Shape, ...] = ()
    target_shapes: tuple[Shape, ...] = ()
    sources: dict[Size, Moments] = field(default_factory=dict)
    units: dict[int, Moments] = field(default_factory=dict)
    targets: dict[Size, Moments] = field(default_factory=dict)
    crosses: dict[SizePair, CrossMoments] = field(default_factory=dict)

    def merge(self, other: "MatchingSums") -> None:
        """Take in another part of the pass, over the same sites and other images.

        The other part may be changed by it and is of no use afterwards.
        """
        if not other.images:
            return
        if not self.images:
            self.source_shapes, self.target_shapes = other.source_shapes, other.target_shapes
        mine, theirs = ((sums.source_shapes, sums.target_shapes) for sums in (self, other))
        if mine != theirs:
            raise UsageError(
                f"the maps of a part have shapes {theirs} (channels, rows, cols); earlier ones "
                f"had {mine}. Give all images the same size, and both passes the same sites."
            )
        self.images += other.images
        _merge_moments(self.sources, other.sources)
        _merge_moments(self.units, other.units)
        _merge_moments(self.targets, other.targets)
        for sizes, cross in other.crosses.items():
            if sizes in self.crosses:
                self.crosses[sizes].merge(cross)
            else:
                self.crosses[sizes] = cross


def _merge_moments(total: dict[Key, Moments], part: Mapping[Key, Moments]) -> None:
    for key, moments in part.items():
        total[key] = total[key].merged(moments) if key in total else moments


class PairSums:
    """Sums over image pairs whose maps are held, batch after batch.

    Products are summed in single precision, over at most 512 images, about the pilots of the
    held maps; everything else in double precision.
    """

    def __init__(self) -> None:
        self._before = MatchingSums()
        self._product: Tensor | None = None
        self._restart()

    def _restart(self) -> None:
        self._images = 0
        self._last: tuple[HeldMaps, HeldMaps] | None = None
        self._sources: dict[Size, Totals] = {}
        self._units: dict[int, Totals] = {}
        self._targets: dict[Size, Totals] = {}
        self._grids: dict[SizePair, tuple[Tensor, Tensor]] = {}
        self._tables: dict[SizePair, Tensor] = {}

    def add(self, source: HeldMaps, target: HeldMaps) -> None:
        """Take in the same images as two networks see them; pilots stay the same all along."""
        with torch.autocast(_device(source).type, enabled=False):
            self._add_products(source, target)
        add_totals(self._sources, source.totals)
        add_totals(self._units, source.units)
        add_totals(self._targets, target.totals)
        self._last = source, target
        self._images += len(source)
        if self._images >= _SINGLE_PRECISION_IMAGES:
            self._before = self.result()
            self._restart()

    def _add_products(self, source: HeldMaps, target: HeldMaps) -> None:
        pairs = [(size, other) for size in source.deviations for other in target.deviations]
        # What takes memory comes before any table changes, so that it can be tried again.
        products = []
        for size, other in pairs:
            small = _smaller(size, other)
            products.append((source.reduced(size, small), target.reduced(other, small)))
        self._make_room(pairs, products)
        for sizes, (left, right) in zip(pairs, products, strict=True):
            self._multiply(sizes, left, right)
        for size, other in pairs:
            large = _larger(size, other)
            self._add_to_grid(
                (size, other),
                _grid_total(source.deviations[size], source.totals[size], large),
                _grid_total(target.deviations[other], target.totals[other], large),
            )

    def _make_room(self, pairs: Sequence[SizePair], products: Sequence[Factors]) -> None:
        for sizes, (left, right) in zip(pairs, products, strict=True):
            if sizes not in self._tables:
                shape = (left.shape[1], right.shape[1])
                self._tables[sizes] = torch.zeros(shape, dtype=torch.float32, device=left.device)
        left = products[0][0]
        if left.dtype != torch.float32 and self._product is None:
            largest = max(table.numel() for table in self._tables.values())
            self._product = left.new_empty(largest)

    def _multiply(self, sizes: SizePair, left: Tensor, right: Tensor) -> None:
        table = self._tables[sizes]
        if self._product is None:
            table.addmm_(left.T, right)
        else:
            product = self._product[: table.numel()].view_as(table)
            table += torch.mm(left.T, right, out=product)

    def _add_to_grid(self, sizes: SizePair, source: Tensor, target: Tensor) -> None:
        before = self._grids.get(sizes)
        self._grids[sizes] = (
            (source, target) if before is None else (before[0] + source, before[1] + target)
        )

    def result(self) -> MatchingSums:
        """The sums over all images so far; call it once, at the end."""
        sums = self._before
        if self._last is not None:
            sums.merge(self._finished(*self._last))
        return sums

    def _finished(self, source: HeldMaps, target: HeldMaps) -> MatchingSums:
        return MatchingSums(
            images=self._images,
            source_shapes=source.shapes,
            target_shapes=target.shapes,
            sources=_moments(self._sources, source.pilots),
            units=_moments(self._units, source.unit_pilots),
            targets=_moments(self._targets, target.pilots),
            crosses={
                sizes: self._cross(sizes, source.pilots[sizes[0]], target.pilots[sizes[1]])
                for sizes in self._tables
            },
        )

    def _cross(self, sizes: SizePair, source_pilot: Tensor, target_pilot: Tensor) -> CrossMoments:
        rows, cols = _larger(*sizes)
        count = self._images * rows * cols
        source, target = (total / count for total in self._grids[sizes])
        table = self._tables[sizes]
        table.addr_(source.to(table), target.to(table), alpha=-count)
        return CrossMoments(
            count=count,
            source_mean=source_pilot.double() + source,
            target_mean=target_pilot.double() + target,
            sums=table,
        )


def _moments(totals: Mapping[Key, Totals], pilots: Mapping[Key, Tensor]) -> dict[Key, Moments]:
    return {key: own.moments(pilots[key]) for key, own in totals.items()}


def _device(held: HeldMaps) -> torch.device:
    return next(iter(held.deviations.values())).device


def _smaller(first: Size, second: Size) -> Size:
    return min(first[0], second[0]), min(first[1], second[1])


def _larger(first: Size, second: Size) -> Size:
    return max(first[0], second[0]), max(first[1], second[1])


def _grid_total(maps: ChannelsLast, own: Totals, grid: Size) -> Float[Tensor, " units"]:
    """The sum over images of maps enlarged to a grid, without enlarging them."""
    weights = adjoint_weights((maps.shape[1], maps.shape[2]), grid)
    if weights.min() == weights.max():
        return own.total * float(weights[0, 0])
    flat = maps.flatten(1, 2).sum(0, dtype=torch.float32)
    return (weights.flatten().to(flat) @ flat).double()


@dataclass(frozen=True)
class SourceBlock:
    """The units of a site: where what carries them lies, and how they come of it."""

    columns: slice
    weight: Weight | None
    moments: Moments

    def height(self) -> int:
        """How many units there are."""
        return len(self.moments.mean)


def source_blocks(
    sums: MatchingSums, weights: Sequence[Weight | None]
) -> dict[Size, list[tuple[int, SourceBlock]]]:
    """By size, each site's first unit, counted through all sites, and its block."""
    blocks: dict[Size, list[tuple[int, SourceBlock]]] = {}
    first = 0
    own = unit_moments(sums)
    for number, (place, moments) in enumerate(zip(places_of(sums.source_shapes), own, strict=True)):
        weight = weights[number] if number in sums.units else None
        block = SourceBlock(place.columns, weight, moments)
        blocks.setdefault(place.size, []).append((first, block))
        first += block.height()
    return blocks


def standardised_products(
    cross: CrossMoments, source: SourceBlock, carried: Moments, target: Moments, *, rows: slice
) -> Float[Tensor, "rows targets"]:
    """Mean product of the standardised maps on the common grid; constant units score zero.

    `carried` are the moments of all maps that carry sources in `cross`; `rows` counts units of
    the block.
    """
    gap = (cross.source_mean - carried.mean)[source.columns]
    table = cross.sums[source.columns]
    if source.weight is None:
        gap, table = gap[rows], table[rows]
    else:
        weight = source.weight[rows].to(table)
        gap, table = weight.double() @ gap, weight @ table
    table = table.double() / cross.count
    table.addr_(gap, cross.target_mean - target.mean)
    return table.div_((source.moments.std[rows] + EPSILON)[:, None]).div_(target.std + EPSILON)


@dataclass(frozen=True)
class BestSources:
    """The best source unit of each target unit, counted through all units, and its score."""

    index: Int[Tensor, " targets"]
    score: Float[Tensor, " targets"]


def best_sources(sums: MatchingSums, weights: Sequence[Weight | None]) -> BestSources:
    """The source unit with the largest score per target unit; ties go to the lowest index.

    `weights` are those of the carriers, site by site.
    """
    blocks = source_blocks(sums, weights)
    columns = units_by_size(sums.target_shapes)
    total = sum(map(len, columns.values()))
    index = torch.zeros(total, dtype=torch.int64)
    score = torch.zeros(total, dtype=torch.float64)
    for other, units in columns.items():
        best = _best_of(
            [_best_in(sums, (size, other), *own) for size in blocks for own in blocks[size]]
        )
        index[units], score[units] = best.index, best.score
    return BestSources(index, score)


def _best_in(sums: MatchingSums, sizes: SizePair, first: int, block: SourceBlock) -> BestSources:
    cross, carried, target = sums.crosses[sizes], sums.sources[sizes[0]], sums.targets[sizes[1]]
    height = max(1, TABLE_VALUES // len(target.mean))
    bests = []
    for start in range(0, block.height(), height):
        rows = slice(start, start + height)
        top = standardised_products(cross, block, carried, target, rows=rows).max(dim=0)
        bests.append(BestSources(top.indices.cpu() + (first + start), top.values.cpu()))
    return _best_of(bests)


def _best_of(bests: Sequence[BestSources]) -> BestSources:
    scores = torch.stack([best.score for best in bests])
    indices = torch.stack([best.index for best in bests])
    top = scores.amax(dim=0)
    never = torch.iinfo(torch.int64).max
    return BestSources(torch.where(scores == top, indices, never).amin(dim=0), top)


def unit_moments(sums: MatchingSums) -> list[Moments]:
    """The moments of each source site's units."""
    return [
        sums.units.get(number) or sums.sources[place.size].at(place.columns)
        for number, place in enumerate(places_of(sums.source_shapes))
    ]
