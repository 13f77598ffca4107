import numpy as np
import pytest
import torch
from skimage import data
from tests.methods.mutual_knowledge.golden import arrays
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.refinement import MeanField, guided, mean_field, refined


def stored():
    found = arrays("crf")
    return torch.from_numpy(found["mask_in"]) == 1, torch.from_numpy(found["images_uint8"])


def overlap(one, other):
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("exact_up_to", [4096, 0])
def test_masks_are_the_stored_ones(exact_up_to):
    found = refined(*stored(), field=MeanField(exact_up_to=exact_up_to))
    assert np.array_equal(found.numpy(), arrays("crf")["crf_mask"] == 1)


def test_the_guided_filter_comes_close_where_colours_differ_much():
    found = refined(*stored(), by="guided")
    assert overlap(found, torch.from_numpy(arrays("crf")["crf_mask"]) == 1) > 0.995


def test_without_refinement_the_mask_stays():
    masks, pictures = stored()
    assert refined(masks, pictures, by="none") is masks


def test_the_field_is_that_of_two_classes_spelled_out():
    """Softmax over both classes, with kernels written as matrices of all pairs."""
    torch.manual_seed(0)
    picture = torch.randint(0, 60, (5, 7, 3), dtype=torch.uint8)
    mask = torch.rand(5, 7) > 0.5
    field = MeanField(reach=2.0, near_reach=1.5, rounds=3)
    places = torch.cartesian_prod(torch.arange(5.0), torch.arange(7.0))
    colours = picture.reshape(-1, 3).float()

    def normalised(distances):
        kernel = torch.exp(-distances / 2)
        return kernel / (kernel.sum(0) * kernel.sum(1)[:, None]).sqrt()

    apart = torch.cdist(places, places).square()
    colour = normalised(apart / 4 + torch.cdist(colours, colours).square() / 169)
    pull = 10 * colour + 3 * normalised(apart / 1.5**2)
    shares = torch.stack([~mask, mask], dim=-1).reshape(-1, 2).float().clamp(0.01, 0.99)
    found = shares
    for _ in range(3):
        found = torch.softmax(shares.log() + pull @ found, dim=1)
    assert_close(mean_field(mask, picture, field).flatten(), found[:, 1], atol=1e-5, rtol=1e-4)


def test_a_photograph_by_the_lattice_is_near_that_by_all_pairs():
    photograph = torch.from_numpy(data.astronaut()[:512:8, 100:500:8].copy())
    mask = torch.zeros(64, 50, dtype=torch.bool)
    mask[4:40, 4:36] = True
    exact = mean_field(mask, photograph, MeanField())
    found = mean_field(mask, photograph, MeanField(exact_up_to=0))
    assert overlap(found > 0.5, exact > 0.5) > 0.9
    assert overlap(mask, exact > 0.5) < 0.85


def test_a_guided_mask_is_an_affine_function_of_colour_where_it_can_be():
    torch.manual_seed(0)
    mask = torch.rand(9, 12) > 0.5
    picture = torch.zeros(9, 12, 3, dtype=torch.uint8)
    picture[mask] = torch.tensor([250, 40, 90], dtype=torch.uint8)
    assert_close(guided(mask, picture), mask.float(), atol=0.02, rtol=0)
    flat = guided(mask, torch.full((9, 12, 3), 7, dtype=torch.uint8))
    assert_close(flat, mask.float().mean().expand(9, 12))


@pytest.mark.parametrize("by", ["meanfield", "guided"])
@pytest.mark.parametrize("size", [(20, 33), (1, 1), (3, 70)])
def test_a_batch_is_its_images_one_by_one_at_any_size(by, size):
    torch.manual_seed(1)
    pictures = torch.randint(0, 256, (3, *size, 3), dtype=torch.uint8)
    masks = torch.rand(3, *size) > 0.5
    pairs = zip(masks, pictures, strict=True)
    single = torch.cat([refined(mask[None], picture[None], by=by) for mask, picture in pairs])
    assert torch.equal(refined(masks, pictures, by=by), single)


def test_empty_and_full_masks_stay():
    masks, pictures = stored()
    for field in (MeanField(), MeanField(exact_up_to=0)):
        assert not refined(torch.zeros_like(masks[:1]), pictures[:1], field=field).any()
        assert refined(torch.ones_like(masks[:1]), pictures[:1], field=field).all()
    assert refined(masks[:0], pictures[:0]).shape == (0, 64, 64)


def test_what_does_not_fit_is_refused():
    masks, pictures = stored()
    with pytest.raises(UsageError, match="one mask per picture"):
        refined(masks[:1], pictures)
    with pytest.raises(UsageError, match="width"):
        MeanField(reach=0.0)
