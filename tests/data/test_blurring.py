import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.ndimage import correlate1d

from seewhy.data.blurring import blurred


@pytest.mark.parametrize("size", [(20, 13), (6, 30)])
def test_it_is_a_gaussian_window_over_the_mirrored_picture(size):
    pixels = torch.rand((2, 3, *size), generator=torch.Generator().manual_seed(0))
    window = np.exp(-(np.arange(-5, 6) ** 2) / 50)
    window /= window.sum()
    expected = correlate1d(
        correlate1d(pixels.numpy(), window, 2, mode="mirror"), window, 3, mode="mirror"
    )
    assert_allclose(blurred(pixels), expected, atol=1e-5)


def test_an_even_picture_stays_and_a_small_one_is_blurred_as_far_as_it_goes():
    even = torch.full((1, 3, 9, 9), 0.3)
    assert_allclose(blurred(even), even, atol=1e-6)
    small = torch.rand((1, 3, 2, 3), generator=torch.Generator().manual_seed(0))
    assert blurred(small).shape == small.shape
    assert blurred(small).std() < small.std()
