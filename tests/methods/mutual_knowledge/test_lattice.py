import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.lattice import Lattice


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=10)
@given(seed=integers(0, 99), dim=integers(1, 6))
def test_each_point_lies_between_its_corners(seed, dim):
    lattice = Lattice.around(3 * noise(50, dim, seed=seed))
    assert lattice.nearness.shape == (50, dim + 1)
    assert lattice.nearness.min() > -1e-5
    assert_close(lattice.nearness.sum(dim=1), torch.ones(50))


@pytest.mark.parametrize("dim", [2, 5])
def test_averages_are_near_those_of_all_pairs(dim):
    places, values = noise(800, dim), noise(800, seed=1)
    values = torch.sin(places[:, 0]) + values / 10
    kernel = torch.exp(-torch.cdist(places, places).square() / 2)
    wanted = kernel @ values / kernel.sum(dim=1)
    blurred = Lattice.around(places).blurred
    found = blurred(values) / blurred(torch.ones(800))
    assert (found - wanted).square().mean().sqrt() < 0.15 * wanted.std()


def test_blurring_is_linear_and_forgets_what_is_far():
    places = torch.cat([noise(20, 3), noise(20, 3) + 50])
    blurred = Lattice.around(places).blurred
    one, other = noise(40, seed=1), noise(40, seed=2)
    assert_close(blurred(2 * one - other), 2 * blurred(one) - blurred(other), atol=1e-5, rtol=1e-5)
    one[:20] = 0
    assert torch.count_nonzero(blurred(one)[:20]) == 0


def test_points_that_lie_too_far_apart_are_refused():
    with pytest.raises(UsageError, match="too far apart"):
        Lattice.around(torch.tensor([[0.0] * 5, [1e5] * 5]))
