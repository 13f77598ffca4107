import pytest
import torch
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.gradients import (
    PairSimilarity,
    largest_product,
    mean_slopes,
    mixed_path,
    path_slopes,
    slopes,
    summed_product,
)
from seewhy.methods.pairs.method import cosines


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


WEIGHTS = noise(4, 3, seed=9).double()


def embed(pixels):
    """Curved, and of any size of image."""
    return pixels.double().pow(3).mean(dim=(2, 3)) @ WEIGHTS.T


SIMILARITY = PairSimilarity(nn.Identity(), embed)


def test_slopes_are_differences_of_the_similarity():
    first, second = noise(2, 3, 3, 4).double(), noise(2, 3, 2, 5, seed=1).double()
    found = slopes(SIMILARITY, first, second)
    step = 1e-6
    for place in [(1, 2, 0, 3), (0, 0, 1, 1)]:
        moved = first.clone()
        moved[place] += step
        rise = cosines(embed(moved), embed(second)) - cosines(embed(first), embed(second))
        assert_close(found.first[place], rise[place[0]] / step, rtol=1e-4, atol=1e-7)
    moved = second.clone()
    moved[1, 0, 1, 4] += step
    rise = cosines(embed(first), embed(moved)) - cosines(embed(first), embed(second))
    assert_close(found.second[1, 0, 1, 4], rise[1] / step, rtol=1e-4, atol=1e-7)


def test_a_cosine_does_not_change_with_the_length_of_an_embedding():
    """Of degree 3 in the pixels, so by Euler's theorem input times gradient sums to zero."""
    first, second = noise(2, 3, 3, 4), noise(2, 3, 3, 4, seed=1)
    found = slopes(SIMILARITY, first, second)
    assert_close((first * found.first).sum(dim=(1, 2, 3)), torch.zeros(2), atol=1e-6, rtol=0)


@pytest.mark.parametrize("together", [1, 3, 8])
def test_mean_slopes_are_the_mean_whatever_goes_together(together):
    firsts, seconds = noise(7, 3, 3, 4), noise(7, 3, 2, 2, seed=1)
    each = slopes(SIMILARITY, firsts, seconds)
    found = mean_slopes(SIMILARITY, firsts, seconds, together=together)
    assert_close(found.first[0], each.first.mean(dim=0))
    assert_close(found.second[0], each.second.mean(dim=0))


@pytest.mark.parametrize("together", [1, 2, 8])
def test_slopes_on_a_path_are_those_of_its_pairs(together):
    path = noise(6, 3, 3, 4)
    each = slopes(SIMILARITY, path[:1].expand(5, -1, -1, -1), path[1:])
    found = path_slopes(embed, path, together=together)
    assert_close(found.first[0], each.first.mean(dim=0))
    assert_close(found.second[0], each.second.mean(dim=0))


def test_products_of_channels_are_summed_or_the_largest_is_taken_whatever_its_sign():
    images = torch.tensor([1.0, -2.0, 3.0]).view(1, 3, 1, 1)
    gradients = torch.tensor([1.0, 4.0, 2.0]).view(1, 3, 1, 1)
    assert largest_product(images, gradients).tolist() == [[[8.0]]]
    assert summed_product(images, gradients).tolist() == [[[-1.0]]]


def test_a_path_of_mixtures_by_hand():
    first, second = torch.full((1, 3, 1, 1), 4.0), torch.zeros(1, 3, 1, 1)
    found = mixed_path(first, second, shares=torch.tensor([1.0, 0.25, 0.0]))
    assert found[:, 0, 0, 0].tolist() == [4, 1, 0]


@pytest.mark.parametrize("inplace", [False, True])
def test_guided_gradients_are_positive_at_every_relu_even_one_used_twice(inplace):
    """Plain ones too, by hand; the embedding is so long that the cosine is all but linear."""
    relu = nn.ReLU(inplace=inplace)
    signs = torch.tensor([1.0, 1.0, -1.0, 1.0]).view(1, 1, 1, 4)
    weights = torch.tensor([2.0, 2, 2, -2]).view(1, 1, 1, 4)

    def embed_by_relu(pixels):
        value = (relu(relu(pixels * 1) * signs) * weights).sum(dim=(1, 2, 3))
        return torch.stack((value, torch.full_like(value, 1e3)), dim=1)

    values = torch.tensor([1.0, -1.0, 2.0, 3.0]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    other = torch.zeros(1, 3, 1, 4)
    other[..., 0] = 5.0
    similarity = PairSimilarity(relu, embed_by_relu)
    plain = slopes(similarity, values, other).first[0, 0, 0]
    found = slopes(similarity, values, other, rule="guided").first[0, 0, 0]
    assert plain[0] > 0
    assert_close(plain / plain[0], torch.tensor([1.0, 0, 0, -1]))
    assert_close(found / plain[0], torch.tensor([1.0, 0, 0, 0]))
    assert not relu._forward_hooks
    assert not relu._forward_pre_hooks
    assert not relu._backward_hooks


def test_a_module_without_relu_has_no_guided_gradients():
    smooth = PairSimilarity(nn.Sequential(nn.GELU()), embed)
    with pytest.raises(UsageError, match=r"no nn\.ReLU"):
        slopes(smooth, noise(1, 3, 2, 2), noise(1, 3, 2, 2), rule="guided")
