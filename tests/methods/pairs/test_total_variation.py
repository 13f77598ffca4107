import pytest
import torch
from tests.methods.pairs.golden import tensor, views
from tests.methods.pairs.noise import noise

from seewhy.methods.pairs.total_variation import total_variation


@pytest.mark.parametrize(("differences", "key"), [("absolute", "tv_l1"), ("squared", "tv_l2")])
def test_stored_variations(differences, key):
    found = total_variation(views()[0], differences=differences).sum()
    torch.testing.assert_close(found, tensor("model_difference", key), rtol=1e-6, atol=0)


def test_one_step_by_hand():
    image = torch.zeros(1, 3, 2, 3)
    image[0, 0, 0, 0] = 3.0
    assert total_variation(image).item() == 9 + 9
    assert total_variation(image, differences="absolute").item() == 3 + 3


def test_an_even_image_has_none_and_a_pixel_alone_has_no_neighbours():
    assert total_variation(torch.full((2, 3, 4, 5), 0.7)).tolist() == [0, 0]
    assert total_variation(noise(2, 3, 1, 1)).tolist() == [0, 0]
