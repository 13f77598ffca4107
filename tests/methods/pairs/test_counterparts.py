import pytest
import torch
from tests.similarity.examples import RED, colour_encoder, spots
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.pairs.counterparts import cell_maps, likeness


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_likeness_is_the_cosine_of_what_is_left_without_the_common_mean():
    first, second = noise(5, 2, 3), noise(5, 4, 2, seed=1)
    weights = torch.zeros(2, 3)
    weights[1, 2] = weights[0, 0] = 0.5
    cells = [*first.flatten(1).T, *second.flatten(1).T]
    middle = torch.stack(cells).mean(dim=0)
    wanted = (first[:, 1, 2] + first[:, 0, 0]) / 2 - middle
    found = likeness(first, second, weights=weights)
    for row in range(4):
        for col in range(2):
            cell = second[:, row, col] - middle
            cosine = cell @ wanted / (cell.norm() * wanted.norm())
            assert_close(found[row, col], cosine)


def test_a_channel_that_never_rests_changes_nothing():
    first, second, weights = noise(5, 2, 3), noise(5, 4, 2, seed=1), torch.full((2, 3), 1 / 6)
    always = [torch.cat((each, torch.full_like(each[:1], 100))) for each in (first, second)]
    wanted = likeness(first, second, weights=weights)
    assert_close(likeness(*always, weights=weights), wanted, atol=1e-4, rtol=1e-4)


def test_a_region_of_nothing_is_like_nothing():
    found = likeness(noise(3, 2, 2), noise(3, 4, 4), weights=torch.zeros(2, 2))
    assert_close(found, torch.zeros(4, 4))


def test_cells_are_those_of_the_encoders_site():
    """The cells hold the mean colours of 4 x 4 pixels."""
    encoder = colour_encoder()
    pixels = encoder.preprocess(spots((RED, (0, 0)), size=(32, 32)))
    found = cell_maps(encoder, pixels)
    wanted = torch.zeros(3, 8, 8)
    wanted[0, :4, :4] = 1.0
    assert_close(found, wanted)
    assert not found.requires_grad
    with pytest.raises(UsageError, match="names no submodule"):
        cell_maps(colour_encoder(site=None), pixels)
