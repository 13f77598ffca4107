import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from numpy.testing import assert_allclose
from tests.evaluation.pairs.golden import embed, stored_pairs
from tests.methods.pairs.golden import tensor
from torch.testing import assert_close

from seewhy.base.errors import DataError, UsageError
from seewhy.evaluation.pairs.curves import (
    Steps,
    area,
    change_curves,
    changed_embeddings,
    conditional_curve,
    pixel_ranks,
)
from seewhy.evaluation.pairs.explained import ExplainedPairs, explained_pairs
from seewhy.methods.pairs.blur import blurred, effaced
from seewhy.methods.pairs.method import PairMaps, cosines

SHORT = {"insertion": "ins", "deletion": "del"}


@pytest.mark.parametrize("change", SHORT)
@pytest.mark.parametrize("step", [100, 224])
def test_stored_areas(change, step):
    found = change_curves(
        embed, stored_pairs(), change=change, steps=Steps(step, batch=16), protocol="published"
    ).areas
    for figures, way in ((found.first, "cond"), (found.both, "simult")):
        name = f"{way}_{SHORT[change]}_step{step}"
        assert_allclose(figures, tensor("metrics", f"{name}_single"), rtol=1e-4, atol=2e-5)
        assert_allclose(figures.mean(), tensor("metrics", f"{name}_batch"), rtol=1e-4)


def mean_colours(pixels):
    """An embedding that is easy to compute by hand."""
    return pixels.mean(dim=(2, 3))


def one_pair(first, second, first_map, second_map):
    return ExplainedPairs(first[None], second[None], first_map[None], second_map[None])


def test_a_case_by_hand():
    first = torch.zeros(3, 1, 2)
    first[0, 0, 0] = first[1, 0, 1] = 1.0  # a red pixel, a green one
    second = torch.zeros(3, 1, 2)
    second[0] = 1.0  # all red
    pairs = one_pair(first, second, torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]]))
    found = change_curves(mean_colours, pairs, change="deletion", steps=Steps(1))
    half = 0.5**0.5
    # Green goes and the views are the same; red goes too and nothing is left.
    assert_close(found.first, torch.tensor([[half, 1.0, 0.0]]))
    assert_close(found.second, torch.tensor([[half, half, 0.0]]))
    assert_close(found.both, torch.tensor([[half, 1.0, 0.0]]))
    assert found.areas.first.item() == pytest.approx((half + 2 + 0) / 4)


def slow_curve(embed, pixels, order, *, start, end, step):
    """One image after the other, edited in place, as published."""
    image, scores = start.clone(), [embed(start)]
    for begin in range(0, len(order), step):
        for place in order[begin : begin + step]:
            row, col = divmod(place, pixels.shape[3])
            image[:, :, row, col] = end[:, :, row, col]
        scores.append(embed(image))
    return torch.stack(scores, dim=1)


@pytest.mark.parametrize("protocol", ["published", "mended"])
@pytest.mark.parametrize("change", SHORT)
def test_the_curve_is_that_of_images_edited_one_by_one(change, protocol):
    generator = torch.Generator().manual_seed(1)
    pixels = torch.rand((1, 3, 11, 14), generator=generator)
    maps = torch.rand((1, 11, 14), generator=generator)
    order = sorted(range(154), key=lambda place: -maps.flatten()[place].item())
    start = blurred(pixels) if protocol == "published" else effaced(pixels)
    ends = (pixels, torch.zeros_like(pixels)) if change == "deletion" else (start, pixels)
    expected = slow_curve(embed, pixels, order, start=ends[0], end=ends[1], step=20)
    found = changed_embeddings(
        embed, pixels, maps, change=change, steps=Steps(20), protocol=protocol
    )
    assert found.shape[1] == 9
    assert_close(found, expected.detach(), rtol=1e-4, atol=1e-5)


def random_pairs(count=3, second=(10, 16), seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = ((12, 8), second)
    pixels = [torch.rand((count, 3, *size), generator=generator) for size in sizes]
    maps = [torch.rand((count, *size), generator=generator) for size in sizes]
    return ExplainedPairs(*pixels, *maps)


@pytest.mark.parametrize("change", SHORT)
def test_curves_begin_and_end_where_they_must(change):
    pairs = random_pairs()
    found = change_curves(embed, pairs, change=change, steps=Steps(7))
    whole = cosines(embed(pairs.first), embed(pairs.second)).detach()
    at = 0 if change == "deletion" else -1
    for curve in (found.first, found.second, found.both):
        assert_close(curve[:, at], whole)
    assert found.first.shape[1] == 15
    assert found.second.shape[1] == found.both.shape[1] == 24


def test_deletion_in_both_ends_at_one_for_two_black_images_are_the_same():
    found = change_curves(embed, random_pairs(second=(12, 8)), change="deletion")
    assert_close(found.both[:, -1], torch.ones(3))
    assert (found.first[:, -1] < 0.99).all()


@pytest.mark.parametrize("batch", [1, 5, 100, None])
def test_neither_the_batch_nor_the_company_of_other_pairs_changes_a_curve(batch):
    pairs = random_pairs()
    expected = change_curves(embed, pairs, change="insertion")
    found = change_curves(embed, pairs, change="insertion", steps=Steps(batch=batch))
    alone = ExplainedPairs(*(each[1:2] for view in zip(*pairs.views, strict=True) for each in view))
    single = change_curves(embed, alone, change="insertion", steps=Steps(batch=batch))
    for name in ("first", "second", "both"):
        assert_close(getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-5)
        assert_close(getattr(single, name), getattr(expected, name)[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("change", SHORT)
def test_one_view_alone_has_the_same_curve_for_half_of_the_passes(change):
    pairs, seen = random_pairs(second=(12, 8)), []

    def counted(pixels):
        seen.append(len(pixels))
        return embed(pixels)

    alone = conditional_curve(counted, pairs, change=change)
    passes = sum(seen)
    both = change_curves(counted, pairs, change=change)
    assert_close(alone, both.first, rtol=1e-4, atol=1e-5)
    assert passes == 3 * 13 + 3
    assert sum(seen) - passes == 2 * 3 * 13
    assert not alone.requires_grad
    assert max(seen) <= 16


def test_equal_pixels_rank_in_reading_order_and_blind_ones_last():
    maps = torch.tensor([[[1.0, 2.0, torch.nan], [2.0, 1.0, 5.0]]])
    assert pixel_ranks(maps).tolist() == [[[3, 1, 5], [2, 4, 0]]]


@settings(max_examples=25)
@given(seed=integers(0, 2**16))
def test_only_the_order_of_a_map_counts(seed):
    maps = torch.rand((2, 5, 7), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert torch.equal(pixel_ranks(maps), pixel_ranks(3 * maps.exp() - 4))
    assert torch.equal(pixel_ranks(maps), 34 - pixel_ranks(-maps))


def test_the_area_of_a_straight_line_is_its_middle_and_of_the_mean_the_mean():
    line = torch.linspace(0, 1, 9)[None]
    assert area(line).item() == pytest.approx(0.5)
    curves = torch.rand((4, 9), generator=torch.Generator().manual_seed(0))
    assert_close(area(curves).mean(), area(curves.mean(dim=0, keepdim=True))[0])


def test_an_identical_pair_changed_the_same_way_stays_identical():
    pairs = random_pairs()
    twins = ExplainedPairs(pairs.first, pairs.first, pairs.first_map, pairs.first_map)
    found = change_curves(embed, twins, change="deletion")
    assert_close(found.both, torch.ones_like(found.both))
    assert_close(found.first, found.second)


def test_maps_of_a_method_are_brought_to_the_pixels():
    pairs = random_pairs()
    generator = torch.Generator().manual_seed(0)
    grids = [torch.rand(3, 6, 6, generator=generator) for _ in range(2)]
    found = explained_pairs(pairs.first, pairs.second, PairMaps(*grids, torch.zeros(3)))
    assert found.first_map.shape == (3, 12, 8)
    assert found.second_map.shape == (3, 10, 16)


def test_the_stored_resizing():
    grid = tensor("metrics", "interp_in")[None]
    pixels = torch.zeros(1, 3, 48, 48)
    found = explained_pairs(pixels, pixels, PairMaps(grid, grid, torch.zeros(1)))
    assert_close(found.first_map, tensor("metrics", "interp_out"), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_measured_is_refused():
    pairs = random_pairs()
    with pytest.raises(UsageError, match="a value per pixel"):
        ExplainedPairs(pairs.second, pairs.second, pairs.second_map[:, 1:], pairs.second_map)
    broken = pairs.second.clone()
    broken[1, 0, 0, 0] = torch.nan
    with pytest.raises(DataError, match="second view of pair 1 has NaN"):
        ExplainedPairs(pairs.first, broken, pairs.first_map, pairs.second_map)
    with pytest.raises(UsageError, match="infinite"):
        ExplainedPairs(pairs.first, pairs.first, pairs.first_map / 0, pairs.first_map)
    with pytest.raises(UsageError, match="at least 1"):
        Steps(0)
    with pytest.raises(UsageError, match="at least 1"):
        change_curves(embed, pairs, change="deletion", steps=Steps(batch=0))
