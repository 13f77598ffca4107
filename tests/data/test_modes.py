import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from tests.data.hostile import (
    encoded,
    photograph,
)
from tests.data.pictures import code_of, notes, pixels

from seewhy.base.errors import DataError
from seewhy.data.images import (
    ReadPolicy,
    finish_image,
    read_image,
)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_divided_by_257(kind):
    values = np.array([[0, 128, 129, 257], [32_896, 65_534, 65_535, 385]], dtype=np.uint16)
    image = read_image(encoded(Image.fromarray(values), kind))
    expected = [[0, 0, 1, 1], [128, 255, 255, 1]]
    assert_array_equal(pixels(image)[:, :, 0], expected)
    assert_array_equal(pixels(image)[:, :, 0], np.rint(values / 257))
    assert notes(image) == ()


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=20))
def test_sixteen_bits_survive_the_round_trip_of_eight(values):
    grey = np.array([values], dtype=np.uint16)
    image = finish_image(Image.fromarray(grey), name="grey")
    assert_array_equal(pixels(image)[:, :, 1], np.rint(grey / 257))


def test_floats_within_one_are_shares_of_white():
    shares = np.array([[0, 0.25, 0.5, 1]], dtype=np.float32)
    image = read_image(encoded(Image.fromarray(shares), "TIFF"))
    assert_array_equal(pixels(image)[0, :, 2], [0, 64, 128, 255])
    assert notes(image) == ("degenerate",)


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_other_numbers_are_stretched_and_say_so(kind):
    values = np.array([[-10, 0], [10, 30]], dtype=kind)
    image = read_image(encoded(Image.fromarray(values), "TIFF"))
    assert_array_equal(pixels(image)[:, :, 0], [[0, 64], [128, 255]])
    assert notes(image) == ("stretched",)


def test_extremes_of_float_do_not_overflow_and_constants_do_not_divide_by_zero():
    largest = float(np.finfo(np.float32).max)
    wide = Image.fromarray(np.array([[-largest, 0], [0, largest]], dtype=np.float32))
    assert_array_equal(pixels(finish_image(wide, name="x"))[:, :, 0], [[0, 128], [128, 255]])
    flat = Image.fromarray(np.full((2, 2), 7.0, dtype=np.float32))
    assert_array_equal(pixels(finish_image(flat, name="x")), np.zeros((2, 2, 3)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_floats_that_are_no_numbers_are_refused(value):
    values = np.array([[0, value]], dtype=np.float32)
    assert code_of(encoded(Image.fromarray(values), "TIFF")) == "non_finite"


def test_transparency_is_laid_on_the_background():
    clear = Image.fromarray(
        np.array([[[200, 100, 0, 0], [200, 100, 0, 51], [8, 9, 10, 255]]], "u1")
    )
    data = encoded(clear, "PNG")
    on_white = read_image(data)
    assert_allclose(pixels(on_white), [[[255, 255, 255], [244, 224, 204], [8, 9, 10]]], atol=1)
    assert notes(on_white) == ("transparency", "degenerate")
    on_blue = read_image(data, policy=ReadPolicy(background=(0, 0, 255)))
    assert_allclose(pixels(on_blue), [[[0, 0, 255], [40, 20, 204], [8, 9, 10]]], atol=1)


def test_opaque_alpha_changes_nothing():
    opaque = photograph().convert("RGBA")
    image = read_image(encoded(opaque, "PNG"))
    assert_array_equal(pixels(image), pixels(photograph()))
    assert notes(image) == ()


def test_palette_with_a_transparent_entry():
    palette = Image.fromarray(np.array([[0, 1], [1, 0]], dtype=np.uint8), mode="P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    image = read_image(encoded(palette, "PNG", transparency=1))
    white, ink = [255, 255, 255], [10, 20, 30]
    assert_array_equal(pixels(image), [[ink, white], [white, ink]])


def test_grey_with_alpha():
    grey = Image.fromarray(np.array([[[0, 255], [0, 0]], [[90, 255], [90, 51]]], "u1"), mode="LA")
    image = read_image(encoded(grey, "PNG"))
    assert_allclose(pixels(image)[:, :, 0], [[0, 255], [90, 222]], atol=1)


def test_ink_becomes_light():
    inks = np.zeros((8, 8, 4), dtype=np.uint8)
    inks[:, :, 0] = 255
    image = read_image(encoded(Image.fromarray(inks, mode="CMYK"), "TIFF"))
    assert_array_equal(pixels(image)[0, 0], [0, 255, 255])
    assert notes(image) == ("cmyk",)


def test_a_mode_without_a_way_to_rgb_is_named():
    with pytest.raises(DataError, match=r"'odd'.*La"):
        finish_image(Image.new("La", (2, 2)), name="'odd'")
