import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import floats, tuples
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from tests.audit.pixels.pictures import disc, on_ground, scene

from seewhy.audit.pixels.cutouts import luminance
from seewhy.audit.pixels.donors import (
    DONORS,
    Donor,
    at_most,
    dark_offset,
    read_donors,
    shaded,
    shades_of,
    spread,
)
from seewhy.base.errors import DataError
from seewhy.data.records import ImageRecord

COLOURS = tuples(*[floats(0, 255)] * 3)


def unreadable():
    raise DataError("undecodable", "no image")


def records(count, *, bad=(), size=(20, 10)):
    return [
        ImageRecord(
            id=str(place),
            read=unreadable if place in bad else lambda p=place: Image.new("RGB", size, (p, 0, 0)),
        )
        for place in range(count)
    ]


def colours_of(donors):
    return [donor.image.getpixel((0, 0))[0] for donor in donors]


def test_few_images_are_all_read_once_in_an_order_of_the_seed():
    found = colours_of(read_donors(records(9), seed=4))
    assert sorted(found) == list(range(9))
    assert found == colours_of(read_donors(records(9), seed=4))
    assert found != colours_of(read_donors(records(9), seed=5))


def test_what_cannot_be_read_is_left_out_and_others_take_its_place():
    assert sorted(colours_of(read_donors(records(9, bad={2, 7}), seed=0))) == [0, 1, 3, 4, 5, 6, 8]
    found = colours_of(read_donors(records(80, bad=set(range(20))), seed=0))
    assert len(found) == DONORS
    assert min(found) >= 20


def test_large_donors_are_reduced():
    (donor,) = read_donors(records(1, size=(1000, 500)), seed=0)
    assert donor.image.size == (384, 192)


def test_reducing_keeps_small_images_and_the_original():
    image = Image.new("RGB", (100, 50))
    assert at_most(image, 100) is image
    assert at_most(image, 50).size == (50, 25)
    assert image.size == (100, 50)


@given(colour=COLOURS)
def test_the_colour_itself_has_shade_one_and_comes_back(colour):
    pixels = np.tile(np.uint8(colour), (2, 3, 1))
    itself = pixels[0, 0].astype(np.float32)
    shades = shades_of(pixels, itself)
    assert_allclose(shades, 1, rtol=1e-4)
    assert_allclose(shaded(shades, itself), pixels, atol=1e-2)


@pytest.mark.parametrize("level", [10, 60, 200])
def test_greys_come_back_from_their_shades(level):
    colour = np.full(3, level, np.float32)
    pixels = np.repeat(np.arange(0, level, 3, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert_allclose(shaded(shades_of(pixels, colour), colour), pixels, atol=0.01)


def test_shades_end_at_one_and_a_half():
    pixels = np.full((1, 1, 3), 250, np.uint8)
    assert shades_of(pixels, np.full(3, 60, np.float32)) == 1.5


@pytest.mark.parametrize(("level", "offset"), [(0, 20), (10, 20), (30, 10), (40, 0), (255, 0)])
def test_only_dark_colours_have_an_offset(level, offset):
    assert dark_offset(np.full(3, level, np.float32)) == pytest.approx(offset, abs=1e-4)


def test_main_colours_are_those_of_object_and_background():
    donor = Donor(on_ground(disc()))
    assert_allclose(donor.colours["object"], (220, 40, 30), atol=0.01)
    assert_allclose(donor.colours["background"], (30, 60, 200), atol=0.01)


@pytest.mark.parametrize("layer", ["object", "background"])
def test_shades_are_those_of_the_layer_and_go_on_beyond_it(layer):
    image, _ = scene(kind="square", texture="striped", background_texture="striped", tint=0.0)
    donor = Donor(image)
    inner = donor.parts.core if layer == "object" else donor.parts.behind
    expected = luminance(donor.parts.pixels.astype(np.float32)) / luminance(donor.colours[layer])
    assert_allclose(donor.shades[layer][inner], expected[inner], atol=0.02)
    levels = np.unique(donor.shades[layer][inner].round(2))
    assert np.isin(donor.shades[layer].round(2), levels).mean() > 0.9


def test_what_was_worked_out_does_not_travel():
    donor = Donor(on_ground(disc()))
    before = len(pickle.dumps(donor))
    assert donor.shades["object"].any()
    again = pickle.loads(pickle.dumps(donor))
    assert len(pickle.dumps(donor)) == before
    assert again == donor
    assert_allclose(again.shades["object"], donor.shades["object"])


@pytest.mark.parametrize("side", [64, 96])
def test_a_small_piece_of_a_texture_restores_all_of_it(side):
    tile = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    whole = np.tile(tile, (side // 5 + 1, side // 4 + 1, 1))[:side, :side]
    source = np.zeros((side, side), bool)
    source[40:56, 30:46] = True
    damaged = np.where(source[:, :, None], whole, np.uint8(128))
    found = spread(damaged, source)
    assert_array_equal(found[source], whole[source])
    assert (np.abs(found.astype(int) - whole).max(axis=2) < 10).mean() > 0.8


def test_a_single_pixel_spreads_its_colour():
    source = np.zeros((30, 40), bool)
    source[3, 4] = True
    pixels = np.where(source[:, :, None], np.uint8(200), np.zeros((30, 40, 3), np.uint8))
    assert_allclose(spread(pixels, source).astype(int), 200, atol=1)
