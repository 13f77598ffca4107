import pytest
import torch
from numpy.testing import assert_allclose
from tests.evaluation.pairs.golden import embed, stored_pairs
from tests.methods.pairs.golden import tensor
from torch.testing import assert_close

from seewhy.evaluation.pairs.explained import ExplainedPairs, PairFigures
from seewhy.evaluation.pairs.masking import MaskedSimilarity, masked_similarity

WAYS = {"first": "cond", "both": "simult"}


@pytest.mark.parametrize("way", WAYS)
def test_stored_drops_and_increases(way):
    found = masked_similarity(embed, stored_pairs())
    drop = getattr(found.drop("published"), way)
    assert_allclose(drop, tensor("metrics", f"{WAYS[way]}_drop"), rtol=1e-4, atol=1e-6)
    increase = getattr(found.increase(), way)
    assert increase.tolist() == tensor("metrics", f"{WAYS[way]}_increase").tolist()


def test_a_pair_that_is_not_alike_has_no_drop():
    found = masked_similarity(embed, stored_pairs())
    assert found.whole[2] < 0
    mended, published = found.drop(), found.drop("published")
    for way in ("first", "second", "both"):
        assert getattr(mended, way).isnan().tolist() == [False, False, True]
    assert_close(mended.both[:2], published.both[:2])


def made(whole, masked):
    values = torch.tensor(masked)
    return MaskedSimilarity(torch.tensor(whole), PairFigures(values, values, values))


def test_cases_by_hand():
    found = made([0.5, 0.5, 0.5, 0.0, -0.2], [0.25, 0.75, -0.5, 0.5, 0.1])
    assert_close(
        found.drop().first,
        torch.tensor([0.5, 0.0, 1.0, torch.nan, torch.nan]),
        equal_nan=True,
    )
    assert_close(found.drop("published").first[:3], torch.tensor([0.5, 0.0, 2.0]))
    assert found.increase().both.tolist() == [0, 1, 0, 1, 1]


def pairs_with(first_map, second_map):
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.rand((1, 3, 8, 8), generator=generator) for _ in range(2))
    return ExplainedPairs(first, second, first_map[None], second_map[None])


def ramp():
    return torch.linspace(-3, 5, 64).view(8, 8)


def test_a_view_is_multiplied_by_its_map_from_nought_to_one():
    pairs = pairs_with(ramp(), 2 * ramp() - 1)
    found = masked_similarity(embed, pairs)
    shares = torch.linspace(0, 1, 64).view(8, 8)
    whole, kept = (
        [embed(each).detach() for each in views]
        for views in (
            (pairs.first, pairs.second),
            (pairs.first * shares, pairs.second * shares),
        )
    )
    for found_one, (one, other) in zip(
        (found.whole, found.masked.first, found.masked.second, found.masked.both),
        ((whole[0], whole[1]), (kept[0], whole[1]), (whole[0], kept[1]), kept),
        strict=True,
    ):
        assert_close(found_one, torch.cosine_similarity(one, other), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("flat", [torch.zeros(8, 8), torch.full((8, 8), torch.nan)])
def test_a_flat_or_blind_map_leaves_only_the_other_view_defined(flat):
    found = masked_similarity(embed, pairs_with(flat, ramp()))
    for figures in (found.drop(), found.increase(), found.drop("published")):
        assert figures.first.isnan().all()
        assert figures.both.isnan().all()
        assert figures.conditional.isnan().all()
        assert not figures.second.isnan().any()


def test_what_a_map_has_not_looked_at_goes():
    seen = ramp()
    blind = seen.clone()
    blind[:2] = torch.nan
    cut = seen.clone()
    cut[:2] = seen[2].min()
    found = masked_similarity(embed, pairs_with(blind, ramp()))
    assert_close(found.masked.first, masked_similarity(embed, pairs_with(cut, ramp())).masked.first)


def test_a_mask_of_ones_but_for_one_pixel_leaves_twins_alike():
    almost = torch.ones(8, 8)
    almost[0, 0] = 0
    pairs = pairs_with(almost, almost)
    twins = ExplainedPairs(pairs.first, pairs.first, pairs.first_map, pairs.first_map)
    found = masked_similarity(embed, twins, batch=1)
    assert_close(found.whole, torch.ones(1))
    assert_close(found.masked.both, torch.ones(1))
    assert found.increase().first.item() == 0
    assert found.drop().first.item() < 0.05
