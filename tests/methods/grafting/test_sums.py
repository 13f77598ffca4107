import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers, lists, tuples
from tests.methods.grafting.direct import direct_table
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.grafting.sums import (
    MatchingSums,
    best_sources,
    per_unit,
    standardised_products,
    units_by_size,
)

SHAPES = lists(tuples(integers(1, 3), integers(1, 9), integers(1, 9)), min_size=1, max_size=3)


def random_maps(shapes, images, seed):
    """Maps with means far from zero, driven by a few causes that both networks share."""
    generator = torch.Generator().manual_seed(seed)
    return [
        3 + 2 * torch.randn(images, *shape, generator=generator).cumsum(dim=-1) for shape in shapes
    ]


def added(*batches):
    sums = MatchingSums()
    for source_maps, target_maps in batches:
        sums.add(source_maps, target_maps)
    return sums


def whole_table(sums):
    """All scores at once, in the order of the units."""
    rows, columns = units_by_size(sums.source_shapes), units_by_size(sums.target_shapes)
    table = torch.full((sum(map(len, rows.values())), sum(map(len, columns.values()))), torch.nan)
    table = table.double()
    for (source, target), cross in sums.crosses.items():
        block = standardised_products(
            cross, sums.sources[source], sums.targets[target], columns=slice(None)
        )
        table[rows[source][:, None], columns[target]] = block
    return table


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
    for other in (added(*parts), merged):
        assert other.images == 5
        assert_close(whole_table(other), whole_table(whole), atol=1e-6, rtol=0)
        for mine, theirs in zip(
            per_unit(other.sources, other.source_shapes),
            per_unit(whole.sources, whole.source_shapes),
            strict=True,
        ):
            assert_close(mine, theirs, rtol=1e-6, atol=1e-6)


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
    best, table = best_sources(sums), whole_table(sums)
    assert_close(best.score, table.amax(dim=0))
    assert_close(table.gather(0, best.index[None])[0], best.score)


def test_tables_wider_than_a_block_are_joined(monkeypatch):
    monkeypatch.setattr("seewhy.methods.grafting.sums.TABLE_COLUMNS", 2)
    sums = added((random_maps([(4, 3, 3)], 4, 1), random_maps([(5, 6, 6)], 4, 2)))
    assert torch.equal(best_sources(sums).index, whole_table(sums).argmax(dim=0))


def test_exact_ties_go_to_the_lowest_index_even_across_sizes():
    flat = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
    # The same unit three times, at two sizes; sizes are grouped, so the order is not that of sites.
    small, large = flat.expand(2, 1, 2, 2), flat.expand(2, 1, 4, 4)
    for order in ([large, small, large], [small, large, small]):
        best = best_sources(added((order, [flat.expand(2, 3, 4, 4)])))
        assert best.index.tolist() == [0, 0, 0]
        assert_close(best.score, torch.full((3,), (1 / (1 + 1e-5)) ** 2).double())


def test_a_constant_unit_scores_exactly_zero_and_loses():
    varied = random_maps([(1, 4, 4)], 3, 5)[0]
    dead = torch.full((3, 1, 4, 4), 0.1)
    sums = added(([dead, varied], [varied]), ([dead, varied + 1], [varied]))
    assert whole_table(sums)[0].tolist() == [0.0]
    assert best_sources(sums).index.tolist() == [1]


def test_a_constant_target_takes_the_first_unit_with_score_zero():
    dead = torch.full((3, 1, 4, 4), -2.7)
    best = best_sources(added((random_maps([(3, 8, 8)], 3, 5), [dead])))
    assert best.index.tolist() == [0]
    assert best.score.tolist() == [0.0]


def test_half_precision_maps_and_autocast_do_not_coarsen_the_sums():
    source_maps, target_maps = random_maps([(3, 8, 8)], 4, 1), random_maps([(3, 4, 4)], 4, 2)
    halved = [each.bfloat16() for each in source_maps], [each.half() for each in target_maps]
    exact = direct_table(*([each.double() for each in maps] for maps in halved))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sums = added(halved)
    assert_close(whole_table(sums), exact, atol=1e-5, rtol=0)


def test_maps_that_change_size_are_refused():
    sums = added((random_maps([(2, 4, 4)], 2, 0), random_maps([(1, 3, 3)], 2, 0)))
    with pytest.raises(UsageError, match=r"\(2, 5, 5\).*same size"):
        sums.add(random_maps([(2, 5, 5)], 2, 0), random_maps([(1, 3, 3)], 2, 0))
    assert sums.images == 2
