import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers
from numpy.testing import assert_array_equal
from tests.audit.pixels.pictures import chance, disc

from seewhy.audit.pixels.continuation import continued, repeated


def periodic(seed, *, rows=6, cols=8, side=64):
    """A random tile, repeated over the whole picture."""
    tile = chance(seed).integers(0, 256, (rows, cols, 3), dtype=np.uint8)
    return np.tile(tile, (side // rows + 1, side // cols + 1, 1))[:side, :side]


@given(seed=integers(0, 2**16), rows=integers(3, 9), cols=integers(3, 9))
@settings(max_examples=20, deadline=None)
def test_a_periodic_texture_is_restored_exactly(seed, rows, cols):
    whole = periodic(seed, rows=rows, cols=cols)
    hole = disc(radius=12)
    damaged = np.where(hole[:, :, None], np.uint8(128), whole)
    assert_array_equal(continued(damaged, hole, ~hole), whole)


def test_only_the_hole_is_painted_and_only_from_the_source():
    pixels = chance().integers(0, 256, (40, 48, 3), dtype=np.uint8)
    hole = np.zeros((40, 48), dtype=bool)
    hole[10:20, 10:20] = True
    source = np.zeros_like(hole)
    source[:, 30:] = True
    pixels[:, 30:] = 200
    filled = continued(pixels, hole, source)
    assert_array_equal(filled[~hole], pixels[~hole])
    assert (filled[hole] == 200).all()


def test_what_does_not_repeat_takes_blurred_colours_from_nearby():
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    pixels[:, 32:] = 240
    noise = chance().integers(0, 16, pixels.shape, dtype=np.uint8)
    hole = disc(radius=10, centre=(32, 32))
    filled = continued(pixels + noise, hole, ~hole)
    assert filled[32, 24:27].mean() < 110
    assert filled[32, 38:41].mean() > 140


def test_a_noisy_picture_does_not_repeat_itself_and_is_left():
    pixels = chance().integers(0, 256, (48, 48, 3), dtype=np.uint8)
    hole = disc(48, radius=8, centre=(24, 24))
    filled, left = repeated(pixels, hole, ~hole)
    assert_array_equal(left, hole)
    assert_array_equal(filled, pixels)


def test_without_hole_or_source_nothing_changes():
    pixels = periodic(0)
    nothing, everything = np.zeros((64, 64), bool), np.ones((64, 64), bool)
    for hole, source in [(nothing, everything), (everything, everything), (everything, nothing)]:
        assert_array_equal(continued(pixels, hole, source), pixels)


@pytest.mark.parametrize("side", [200, 256])
def test_large_pictures_are_filled_at_their_own_size(side):
    stripes = np.arange(side) // (side // 16) % 2 * 150
    pixels = np.repeat(np.repeat(stripes[:, None], side, 1)[:, :, None], 3, 2).astype(np.uint8)
    hole = disc(side, radius=side / 6, centre=(side / 2, side / 2))
    filled = continued(np.where(hole[:, :, None], np.uint8(255), pixels), hole, ~hole)
    assert (np.abs(filled.astype(int) - pixels).max(axis=2)[hole] < 20).mean() > 0.8


def test_a_source_thinner_than_a_pixel_of_the_small_copy_still_fills():
    pixels = np.full((400, 400, 3), 70, dtype=np.uint8)
    source = np.zeros((400, 400), dtype=bool)
    source[200, ::7] = True
    hole = disc(400, radius=40, centre=(100, 100))
    assert (np.abs(continued(pixels, hole, source)[hole].astype(int) - 70) <= 1).all()
