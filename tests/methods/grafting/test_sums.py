import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, lists, tuples
from tests.methods.grafting.direct import direct_table
from tests.methods.grafting.networks import GivenMaps
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.grafting.stacks import MapStacks, units_by_size
from seewhy.methods.grafting.sums import (
    MatchingSums,
    PairSums,
    best_sources,
    source_blocks,
    standardised_products,
    unit_moments,
)

SHAPES = lists(tuples(integers(1, 3), integers(1, 9), integers(1, 9)), min_size=1, max_size=3)


def random_maps(shapes, images, seed):
    """Maps with means far from zero, driven by a few causes that both networks share."""
    generator = torch.Generator().manual_seed(seed)
    return [
        3 + 2 * torch.randn(images, *shape, generator=generator).cumsum(dim=-1) for shape in shapes
    ]


def joined(parts):
    with torch.autocast("cpu", enabled=False):
        return torch.cat(parts)


def added(*batches, dtype=torch.float32):
    """The sums over batches of (source maps, target maps), as held in stacks."""
    networks = [
        GivenMaps([joined(parts) for parts in zip(*maps, strict=True)])
        for maps in zip(*batches, strict=True)
    ]
    largest = max(len(source_maps[0]) for source_maps, _ in batches)
    stacks = [MapStacks(each, each.sites(), images=largest, dtype=dtype) for each in networks]
    sums, first = PairSums(), 0
    for source_maps, _ in batches:
        end = first + len(source_maps[0])
        sums.add(*(s.hold(n.pixels()[first:end]) for s, n in zip(stacks, networks, strict=True)))
        first = end
    return sums.result()


def whole_table(sums, weights=None):
    """All scores at once, in the order of the units."""
    weights = weights or [None] * len(sums.source_shapes)
    columns = units_by_size(sums.target_shapes)
    sources = sum(len(moments.mean) for moments in unit_moments(sums))
    table = torch.full((sources, sum(map(len, columns.values()))), torch.nan).double()
    for source, blocks in source_blocks(sums, weights).items():
        for target, units in columns.items():
            for first, block in blocks:
                table[first : first + block.height(), units] = standardised_products(
                    sums.crosses[source, target],
                    block,
                    sums.sources[source],
                    sums.targets[target],
                    rows=slice(None),
                )
    return table


def best(sums):
    return best_sources(sums, [None] * len(sums.source_shapes))


def halves(maps, cut):
    return [each[:cut] for each in maps], [each[cut:] for each in maps]


@settings(deadline=None, max_examples=40)
@given(sources=SHAPES, targets=SHAPES, seed=integers(0, 999))
def test_every_score_is_that_of_the_direct_form(sources, targets, seed):
    source_maps, target_maps = random_maps(sources, 3, seed), random_maps(targets, 3, seed + 1)
    table = whole_table(added((source_maps, target_maps)))
    exact = direct_table(
        [each.double() for each in source_maps], [each.double() for each in target_maps]
    )
    assert_close(table, exact, atol=1e-5, rtol=0)


@settings(deadline=None, max_examples=25)
@given(sources=SHAPES, targets=SHAPES, cut=integers(1, 4), seed=integers(0, 999))
def test_batches_and_merged_parts_give_the_whole(sources, targets, cut, seed):
    source_maps, target_maps = random_maps(sources, 5, seed), random_maps(targets, 5, seed + 1)
    source_parts, target_parts = halves(source_maps, cut), halves(target_maps, cut)
    whole = added((source_maps, target_maps))
    parts = list(zip(source_parts, target_parts, strict=True))
    merged = added(parts[1])
    merged.merge(added(parts[0]))
    turned = added(parts[0])
    turned.merge(added(parts[1]))
    for other in (added(*parts), merged, turned):
        assert other.images == 5
        assert_close(whole_table(other), whole_table(whole), atol=1e-6, rtol=0)
        for mine, theirs in zip(unit_moments(other), unit_moments(whole), strict=True):
            assert mine.count == theirs.count
            assert_close(mine.mean, theirs.mean, rtol=1e-6, atol=1e-6)
            assert_close(mine.std, theirs.std, rtol=1e-6, atol=1e-6)


def test_merging_with_nothing_changes_nothing():
    maps = random_maps([(2, 4, 4)], 3, 0)
    sums, empty = added((maps, maps)), MatchingSums()
    before = whole_table(sums)
    sums.merge(MatchingSums())
    empty.merge(sums)
    assert torch.equal(whole_table(sums), before)
    assert torch.equal(whole_table(empty), before)


@settings(deadline=None, max_examples=25)
@given(sources=SHAPES, targets=SHAPES, seed=integers(0, 999))
def test_the_best_source_is_the_arg_max_of_the_table(sources, targets, seed):
    sums = added((random_maps(sources, 4, seed), random_maps(targets, 4, seed + 1)))
    found, table = best(sums), whole_table(sums)
    assert_close(found.score, table.amax(dim=0))
    assert_close(table.gather(0, found.index[None])[0], found.score)


def test_sums_beyond_single_precision_s_share_go_on_in_double(monkeypatch):
    maps = random_maps([(2, 4, 4), (1, 2, 2)], 9, 1), random_maps([(3, 8, 8)], 9, 2)
    whole = added(maps)
    monkeypatch.setattr("seewhy.methods.grafting.sums._SINGLE_PRECISION_IMAGES", 4)
    parts = added(
        *(tuple([each[at : at + 3] for each in side] for side in maps) for at in (0, 3, 6))
    )
    assert parts.images == 9
    assert {cross.sums.dtype for cross in parts.crosses.values()} == {torch.float64}
    assert_close(whole_table(parts), whole_table(whole), atol=1e-6, rtol=0)


def test_tables_taller_than_a_block_are_joined(monkeypatch):
    monkeypatch.setattr("seewhy.methods.grafting.sums.TABLE_VALUES", 2)
    sums = added((random_maps([(4, 3, 3)], 4, 1), random_maps([(5, 6, 6)], 4, 2)))
    assert torch.equal(best(sums).index, whole_table(sums).argmax(dim=0))


def test_exact_ties_go_to_the_lowest_index_even_across_sizes():
    flat = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
    # The same unit three times, at two sizes; sizes are grouped, so the order is not that of sites.
    small, large = flat.expand(2, 1, 2, 2), flat.expand(2, 1, 4, 4)
    for order in ([large, small, large], [small, large, small]):
        found = best(added((order, [flat.expand(2, 3, 4, 4)])))
        assert found.index.tolist() == [0, 0, 0]
        assert_close(found.score, torch.full((3,), (1 / (1 + 1e-5)) ** 2).double())


def test_a_constant_unit_scores_exactly_zero_and_loses():
    varied = random_maps([(1, 4, 4)], 3, 5)[0]
    dead = torch.full((3, 1, 4, 4), 0.1)
    sums = added(([dead, varied], [varied]), ([dead, varied + 1], [varied]))
    assert whole_table(sums)[0].tolist() == [0.0]
    assert best(sums).index.tolist() == [1]


def test_a_constant_target_takes_the_first_unit_with_score_zero():
    dead = torch.full((3, 1, 4, 4), -2.7)
    found = best(added((random_maps([(3, 8, 8)], 3, 5), [dead])))
    assert found.index.tolist() == [0]
    assert found.score.tolist() == [0.0]


def test_half_precision_maps_and_autocast_do_not_coarsen_the_sums():
    source_maps, target_maps = random_maps([(3, 8, 8)], 4, 1), random_maps([(3, 4, 4)], 4, 2)
    halved = [each.bfloat16() for each in source_maps], [each.half() for each in target_maps]
    exact = direct_table(*([each.double() for each in maps] for maps in halved))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sums = added(halved)
    assert_close(whole_table(sums), exact, atol=1e-5, rtol=0)


def test_products_in_bfloat16_are_near_the_exact_ones():
    maps = random_maps([(9, 8, 8), (5, 4, 4)], 6, 1), random_maps([(7, 4, 4), (4, 16, 16)], 6, 2)
    table, exact = whole_table(added(maps, dtype=torch.bfloat16)), whole_table(added(maps))
    assert 1e-5 < (table - exact).abs().max() < 0.02


def test_parts_of_other_sites_do_not_merge():
    sums, other = (
        added((random_maps([shape], 2, 0), random_maps([(1, 3, 3)], 2, 0)))
        for shape in ((2, 4, 4), (2, 5, 5))
    )
    with pytest.raises(UsageError, match=r"\(2, 5, 5\).*same size"):
        sums.merge(other)
    assert sums.images == 2


def test_reading_merged_sums_leaves_them_as_they_are():
    parts = [
        added((random_maps([(3, 4, 4)], 2, seed), random_maps([(2, 8, 8)], 2, seed)))
        for seed in (0, 1)
    ]
    parts[0].merge(parts[1])
    table = whole_table(parts[0])
    found = best(parts[0])
    assert torch.equal(whole_table(parts[0]), table)
    assert torch.equal(best(parts[0]).score, found.score)
