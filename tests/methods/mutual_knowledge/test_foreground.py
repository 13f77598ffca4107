import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from tests.methods.mutual_knowledge.golden import arrays
from torch.testing import assert_close

from seewhy.methods.mutual_knowledge.foreground import (
    SCALED_THRESHOLD,
    foreground,
    foreground_scores,
)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def stored_tokens():
    stored = arrays("foreground")
    shape = (int(stored["n_images"]), *stored["patch_hw"].tolist(), -1)
    return torch.from_numpy(stored["features"]).reshape(shape)


def drawn(*lines):
    """One grid: 'x' scores 1, '.' scores -1, '0' scores exactly 0."""
    values = {"x": 1.0, ".": -1.0, "0": 0.0}
    return torch.tensor([[[values[mark] for mark in line] for line in lines]])


def shown(mask):
    return ["".join(".x"[int(each)] for each in row) for row in mask[0]]


@pytest.mark.parametrize("by", ["pca", "svd"])
@pytest.mark.parametrize("scaling", ["neg", "minmax"])
def test_masks_of_the_joint_fit_are_the_stored_ones(by, scaling):
    is_scaled = scaling == "minmax"
    scores = foreground_scores(stored_tokens(), by=by, fit="joint", scaled=is_scaled)
    found = foreground(scores, threshold=SCALED_THRESHOLD if is_scaled else 0.0)
    assert np.array_equal(found.mask.numpy(), arrays("foreground")[f"{by}_{scaling}_fg"])
    assert not found.is_fallback.any()


@pytest.mark.parametrize("by", ["pca", "svd"])
def test_images_fitted_by_themselves_do_not_depend_on_the_batch(by):
    tokens = stored_tokens()
    together = foreground_scores(tokens, by=by)
    single = torch.cat([foreground_scores(each[None], by=by) for each in tokens])
    assert_close(together, single)
    assert not torch.allclose(together, foreground_scores(tokens, by=by, fit="joint"))
    assert_close(single[:1], foreground_scores(tokens[:1], by=by, fit="joint"))


def test_the_largest_region_is_kept_and_corners_connect():
    grid = drawn("xx....", "..x..x", "...x..", "xxxx0.")
    assert shown(foreground(grid).mask) == ["xx....", "..x...", "...x..", "xxxx.."]


def test_a_second_region_needs_five_patches():
    grid = drawn("xxxx..x", ".......", "xxxxx..", ".......", "xxxxxxx")
    assert shown(foreground(grid).mask) == ["." * 7, "." * 7, "xxxxx..", "." * 7, "x" * 7]
    lone = foreground(grid, smallest=6).mask
    assert shown(lone) == ["." * 7] * 4 + ["x" * 7]


def test_of_equal_regions_the_first_row_by_row_is_kept():
    assert shown(foreground(drawn("..xx", "....", "xx..")).mask) == ["..xx", "....", "...."]


def test_a_score_of_zero_is_background_even_where_the_threshold_is_lower():
    assert shown(foreground(drawn("x0", "0."), threshold=-5.0).mask) == ["x.", ".x"]
    assert shown(foreground(drawn("xx00", "xx00")).mask) == ["xx..", "xx.."]


@settings(max_examples=15)
@given(seed=integers(0, 99))
def test_regions_are_those_of_a_flood_fill(seed):
    scores = noise(1, 7, 9, seed=seed)
    left = {tuple(place) for place in (scores[0] >= 0).nonzero().tolist()}
    regions = []
    for start in sorted(left):
        if start not in left:
            continue
        region, edge = set(), {start}
        while edge:
            row, col = edge.pop()
            left.discard((row, col))
            region.add((row, col))
            around = {(row + down, col + right) for down in (-1, 0, 1) for right in (-1, 0, 1)}
            edge |= around & left
        regions.append(region)
    regions.sort(key=len, reverse=True)
    wanted = regions[0] | (regions[1] if len(regions) > 1 and len(regions[1]) >= 5 else set())
    found = {tuple(place) for place in foreground(scores).mask[0].nonzero().tolist()}
    assert found == wanted


def test_an_image_without_foreground_falls_back_and_says_so():
    scores = torch.stack([-torch.arange(1.0, 11).reshape(2, 5), torch.ones(2, 5)])
    found = foreground(scores)
    assert found.is_fallback.tolist() == [True, False]
    assert shown(found.mask) == ["xx...", "....."]
    assert found.mask[1].all()
    assert foreground(scores, fallback="whole").mask.all()
    assert not foreground(scores, fallback="nothing").mask[0].any()
    assert foreground(-torch.ones(1, 3, 3)).mask.all()


def test_one_patch_is_the_whole_foreground():
    found = foreground(foreground_scores(noise(2, 1, 1, 4)))
    assert found.mask.all()
    assert found.is_fallback.all()
    assert foreground(torch.zeros(0, 3, 3)).mask.shape == (0, 3, 3)
