import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.results.overlay import (
    masked_picture,
    overlay,
    png_bytes,
    published_overlay,
    signed_overlay,
)

GREY = np.full((1, 3, 3), 128, dtype=np.uint8)


def noise(seed, rows=4, cols=5):
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 256, (rows, cols, 3), dtype=np.uint8)
    return image, generator.normal(size=(rows, cols)).astype(np.float32)


def redness(picture):
    """Red minus blue."""
    return picture[..., 0].astype(int) - picture[..., 2].astype(int)


def test_the_sign_is_the_colour_and_zero_is_grey():
    below, zero, above = signed_overlay(GREY, np.array([[-2.0, 0.0, 2.0]]))[0]
    assert redness(below) < -50
    assert redness(above) > 50
    assert zero.tolist() == [144, 144, 144]  # 48 + 0.75 * 128


@given(seed=st.integers(0, 99))
def test_more_is_never_paler(seed):
    values = np.sort(np.abs(np.random.default_rng(seed).normal(size=(1, 9))))
    picture = signed_overlay(np.full((1, 9, 3), 90, np.uint8), values)
    assert (np.diff(redness(picture)[0]) >= 0).all()


@given(seed=st.integers(0, 99), factor=st.sampled_from([0.25, 0.5, 2.0, 1024.0]))
def test_only_the_share_of_the_scale_counts(seed, factor):
    image, values = noise(seed)
    first = signed_overlay(image, values, scale=3.0)
    second = signed_overlay(image, values * factor, scale=3.0 * factor)
    assert (first == second).all()


def test_without_a_scale_the_largest_absolute_value_is_full():
    image, values = noise(1)
    largest = float(np.abs(values).max())
    assert (signed_overlay(image, values) == signed_overlay(image, values, scale=largest)).all()
    weaker = signed_overlay(image, values, scale=10 * largest)
    assert np.abs(redness(weaker)).max() < np.abs(redness(signed_overlay(image, values))).max()


def test_the_image_gives_its_brightness_and_not_its_colour():
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], dtype=np.uint8)
    picture = signed_overlay(colours, np.zeros((1, 3)))
    assert redness(picture).tolist() == [[0, 0, 0]]
    assert picture[0, 1, 0] > picture[0, 0, 0] > picture[0, 2, 0]


@pytest.mark.parametrize("look", ["signed", "published"])
def test_what_was_not_shown_is_the_image_itself_but_dark(look):
    image, _ = noise(2)
    values = np.full((4, 5), 0.5)
    values[1:3, 2:] = np.nan
    unknown = np.isnan(values)
    picture = overlay(image, values, look=look)
    assert (picture[unknown] == np.rint(image[unknown] * 0.35)).all()
    assert (picture[~unknown] == overlay(image, np.full((4, 5), 0.5), look=look)[~unknown]).all()


@pytest.mark.parametrize("look", ["signed", "published"])
def test_a_map_of_nothing_known_or_of_zeros_can_be_drawn(look):
    image, _ = noise(3)
    assert (overlay(image, np.full((4, 5), np.nan), look=look) == np.rint(image * 0.35)).all()
    assert overlay(image, np.zeros((4, 5)), look=look).shape == image.shape


KNOWN_JET = {
    0: (0, 0, 128), 1: (0, 0, 132), 32: (0, 0, 255), 33: (0, 4, 255), 95: (0, 252, 255),
    96: (2, 255, 254), 128: (130, 255, 126), 255: (128, 0, 0),
}  # fmt: skip


def test_the_published_look_is_four_tenths_image_and_six_tenths_jet_both_cut_to_whole_numbers():
    levels = np.array(list(KNOWN_JET))
    image = np.random.default_rng(0).integers(0, 256, (1, len(levels), 3), dtype=np.uint8)
    # A value just above a level must fall on it: 8-bit levels are cut, not rounded.
    values = ((levels + 0.9) / 255).clip(0, 1)[None]
    expected = [
        [int(0.4 * int(pixel) + 0.6 * heat) for pixel, heat in zip(pixels, jet, strict=True)]
        for pixels, jet in zip(image[0], KNOWN_JET.values(), strict=True)
    ]
    assert published_overlay(image, values)[0].tolist() == expected


@pytest.mark.parametrize("value", [-0.2, 1.5])
def test_the_published_look_is_for_maps_from_0_to_1(value):
    with pytest.raises(UsageError, match="min-max"):
        published_overlay(GREY, np.array([[0.0, value, 1.0]]))


@pytest.mark.parametrize("draw", [signed_overlay, published_overlay])
def test_a_map_of_another_size_is_refused(draw):
    with pytest.raises(UsageError, match="1 x 3 pixels and a map of 3 x 1"):
        draw(GREY, np.zeros((3, 1)))


def test_inputs_stay_as_they_are():
    image, values = noise(4)
    before = image.copy(), values.copy()
    signed_overlay(image, values)
    assert (image == before[0]).all()
    assert (values == before[1]).all()


def test_a_mask_keeps_the_image_inside():
    image, values = noise(5)
    masked = masked_picture(image, values > 0)
    assert (masked[values > 0] == image[values > 0]).all()
    assert (masked[values <= 0] <= image[values <= 0]).all()


@pytest.mark.parametrize("shape", [(3, 4, 3), (3, 4)])
def test_a_png_gives_its_pixels_back(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    data = png_bytes(pixels)
    assert (np.asarray(Image.open(io.BytesIO(data))) == pixels).all()
    assert data == png_bytes(pixels.copy())
