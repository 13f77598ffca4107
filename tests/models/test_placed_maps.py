import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.methods.text_maps.golden import TOLERANCE, arrays, patches, tensor
from torch.nn import functional
from torch.testing import assert_close

from seewhy.methods.text_maps.features import scaled
from seewhy.models.placed_maps import cells_under, over_image, over_input
from seewhy.models.preprocessing import Preprocessing

GREY = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
SIDES = st.integers(1, 40)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("side", [64, 96])
def test_maps_are_the_stored_ones(side):
    found = patches(tensor("vit", f"sim_class_weighted_{side}"))[:1, ..., ::3]
    placement = Preprocessing(side, resize="squash").placement((70, 45))
    maps = over_image(scaled(found.permute(0, 3, 1, 2)), placement)
    stored = tensor("vit", f"map_class_weighted_{side}_45x70")
    assert_close(maps.permute(0, 2, 3, 1), stored, **TOLERANCE)


def test_the_stored_preprocessing_is_ours():
    image = Image.fromarray(arrays("preprocess")["image"])
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    found = Preprocessing(32, resize="squash", mean=mean, std=std)(image)
    assert_close(found, tensor("preprocess", "out"), atol=1e-5, rtol=0)


@given(rows=SIDES, cols=SIDES, height=SIDES, width=SIDES)
def test_a_squashed_image_is_resized_as_torch_does(rows, cols, height, width):
    maps = noise(1, 2, rows, cols)
    wanted = functional.interpolate(maps, (height, width), mode="bilinear", align_corners=False)
    placement = Preprocessing((32, 48), resize="squash").placement((width, height))
    assert_close(over_image(maps, placement), wanted, atol=1e-5, rtol=1e-5)
    assert_close(over_input(maps, (height, width)), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("resize", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(60, 40), (41, 83), (64, 64), (30, 20), (200, 64)])
def test_what_lies_somewhere_in_the_image_lies_there_in_its_map(resize, size):
    """A spot is put into an image, found again in the input, and its map lies over the spot."""
    preprocessing = Preprocessing((32, 48), resize=resize, interpolation="bilinear", **GREY)
    width, height = size
    row, col = np.arange(height)[:, None], np.arange(width)
    spot = np.exp(-(((row - height / 2) / 5) ** 2) - ((col - 0.4 * width) / 5) ** 2)
    image = Image.fromarray(np.repeat((255 * spot).astype(np.uint8)[..., None], 3, axis=2))
    seen = over_image(preprocessing(image)[:1], preprocessing.placement(size))[0].nan_to_num()
    total = seen.sum()
    assert (seen.sum(dim=1) * torch.arange(height)).sum() / total == pytest.approx(
        height / 2, abs=0.4
    )
    assert (seen.sum(dim=0) * torch.arange(width)).sum() / total == pytest.approx(
        0.4 * width, abs=0.4
    )


def test_what_was_cut_off_is_unknown():
    placement = Preprocessing(32).placement((64, 32))
    assert (placement.resized, placement.corner) == ((32, 64), (0, 16))
    seen = over_image(noise(1, 4, 4), placement)[0]
    assert seen.shape == (32, 64)
    assert seen[:, :16].isnan().all()
    assert seen[:, 48:].isnan().all()
    assert_close(seen[:, 16:48], over_input(noise(1, 4, 4), (32, 32))[0])


def test_margins_are_left_out():
    placement = Preprocessing(32, resize="longest").placement((64, 32))
    assert (placement.resized, placement.corner) == ((16, 32), (-8, 0))
    maps = torch.zeros(1, 4, 4)
    maps[:, 1:3] = 1.0  # patches 1 and 2 from the top are the image, 0 and 3 are margin
    seen = over_image(maps, placement)[0]
    assert not seen.isnan().any()
    assert_close(seen[8:24], torch.ones(16, 64))


def test_one_patch_and_one_pixel_are_enough():
    assert_close(over_input(torch.full((1, 1), 3.0), (5, 4)), torch.full((5, 4), 3.0))
    assert_close(over_input(torch.tensor([[0.0, 1.0]]), (1, 1)), torch.tensor([[0.5]]))


def test_gradients_flow_to_patches():
    maps = noise(3, 4).requires_grad_()
    over_input(maps, (9, 8)).sum().backward()
    assert (maps.grad > 0).all()
    assert maps.grad.sum() == pytest.approx(72, rel=1e-5)


@given(rows=SIDES, cols=SIDES, resize=st.sampled_from(["shortest", "longest", "squash"]))
def test_cells_under_a_region_weigh_as_the_mean_of_what_is_drawn_there(rows, cols, resize):
    placement = Preprocessing((16, 24), resize=resize).placement((40, 30))
    region = torch.zeros(30, 40, dtype=torch.bool)
    region[5:28, 3:30] = True
    maps = noise(rows, cols)
    weights = cells_under(region, (rows, cols), placement)
    seen = over_image(maps, placement)[region]
    assert_close(weights.sum(), torch.tensor(1.0))
    assert_close((weights * maps).sum(), seen[~seen.isnan()].mean(), atol=1e-5, rtol=1e-4)


def test_a_region_that_was_cut_off_has_no_cells():
    placement = Preprocessing(16).placement((80, 20))
    region = torch.zeros(20, 80, dtype=torch.bool)
    region[:, :10] = True
    assert_close(cells_under(region, (4, 4), placement), torch.zeros(4, 4))
