import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.audit.pixels.pictures import EMPTY, chance, disc, on_ground, scene

from seewhy.audit.pixels.cutouts import (
    Cutout,
    luminance,
    main_colour,
    sampled_colours,
    taken_apart,
    widened,
)


def test_every_pixel_is_in_exactly_one_part():
    image, _ = scene(mark="corner")
    parts = taken_apart(image)
    total = parts.object.astype(int) + parts.background + parts.marks
    assert_array_equal(total, np.ones((64, 64), dtype=int))
    assert_array_equal(parts.pixels, np.asarray(image))


def test_the_parts_of_the_same_picture_are_worked_out_once():
    image, _ = scene()
    assert taken_apart(image) is taken_apart(image.copy())
    assert taken_apart(image) is not taken_apart(EMPTY)


def test_core_object_and_rim_lie_in_each_other_and_in_the_box():
    parts = taken_apart(on_ground(disc()))
    assert (parts.core <= parts.object).all()
    assert (parts.object <= parts.wide).all()
    assert parts.core.sum() < parts.object.sum() < parts.wide.sum()
    boxed = np.zeros_like(parts.object)
    boxed[parts.box] = True
    assert (parts.object <= boxed).all()
    assert boxed.sum() == 28 * 28


@pytest.mark.parametrize("texture", ["plain", "striped", "dotted", "checkered"])
def test_behind_the_object_the_background_goes_on(texture):
    image, truth = scene(background_texture=texture, tint=0.0)
    backdrop = taken_apart(image).backdrop
    here = {tuple(colour) for colour in backdrop[truth].tolist()}
    around = {tuple(colour) for colour in np.asarray(image)[:6].reshape(-1, 3).tolist()}
    assert here <= around


def test_the_main_colour_is_the_brighter_of_two_shades():
    pixels = np.zeros((40, 40, 3), dtype=np.uint8)
    pixels[::2] = (200, 100, 40)
    pixels[1::2] = (80, 40, 16)
    assert_allclose(main_colour(pixels, np.ones((40, 40), bool)), [200, 100, 40])


def test_colours_are_sampled_on_a_grid_only_where_there_are_enough():
    pixels = chance().integers(0, 256, (300, 300, 3), dtype=np.uint8)
    everywhere = np.ones((300, 300), bool)
    assert len(sampled_colours(pixels, everywhere)) == 150**2
    few = np.zeros_like(everywhere)
    few[5:10, 5:10] = True
    assert_array_equal(sampled_colours(pixels, few), pixels[few])


def test_luminance_of_grey_is_its_level():
    assert_allclose(luminance(np.full((2, 3), 90.0)), 90, rtol=1e-5)


def test_widening_by_one_adds_a_pixel_on_each_side():
    point = np.zeros((5, 5), bool)
    point[2, 2] = True
    expected = np.zeros((5, 5), bool)
    expected[1:4, 1:4] = True
    assert_array_equal(widened(point, 1), expected)


def test_lengths_and_places_are_shares_of_the_picture():
    mask = np.zeros((40, 80), bool)
    mask[10:20, 30:70] = True
    parts = taken_apart(on_ground(mask))
    assert_allclose(parts.extents, (0.25, 0.5))
    assert parts.extent == pytest.approx(np.sqrt(0.125))
    assert_allclose(parts.centre, (0.375, 0.625))


def test_behind_is_the_background_without_the_rim():
    parts = taken_apart(on_ground(disc()))
    assert_array_equal(parts.behind, ~parts.wide)
    everything = Cutout(parts.pixels, parts.object, parts.wide & ~parts.object, parts.marks)
    assert_array_equal(everything.behind, everything.background)


def test_a_picture_has_both_or_has_nothing_to_exchange():
    assert taken_apart(on_ground(disc())).has_both
    assert not taken_apart(EMPTY).has_both
