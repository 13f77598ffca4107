import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from tests.audit.pixels.pictures import chance, disc, on_ground, scene

from seewhy.audit.pixels.borders import border, clean_border, marked
from seewhy.audit.pixels.cutouts import taken_apart


def cleaned(image):
    return np.asarray(clean_border(taken_apart(image)))


@pytest.mark.parametrize("mark", ["frame", "corner"])
@pytest.mark.parametrize("texture", ["plain", "striped", "dotted", "checkered"])
def test_cleaning_removes_marks_and_keeps_texture_and_object(mark, texture):
    settings = {"background_texture": texture, "tint": 0.0}
    image, truth = scene(mark=mark, **settings)
    unmarked, _ = scene(**settings)
    after = cleaned(image).astype(int)
    inside = ~border((64, 64), 8) | truth
    assert_array_equal(after[inside], np.asarray(image)[inside])
    wrong = np.abs(after - np.asarray(unmarked)).max(axis=2) > 30
    assert wrong.mean() < 0.03


def test_a_border_that_does_not_repeat_is_mirrored():
    pixels = chance(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    assert not taken_apart(image).object.any()
    after = cleaned(image)
    assert_array_equal(after[8:56, 8:56], pixels[8:56, 8:56])
    assert_array_equal(after[7, 8:56], pixels[8, 8:56])
    assert_array_equal(after[0, 8:56], pixels[15, 8:56])
    assert_array_equal(after[8:56, 63], pixels[8:56, 48])


def test_a_picture_too_small_for_a_border_stays():
    image = Image.new("RGB", (7, 30), (9, 8, 7))
    assert_array_equal(cleaned(image), np.asarray(image))


def test_a_border_is_as_deep_as_it_says():
    expected = np.ones((5, 6), bool)
    expected[1:4, 1:5] = False
    assert_array_equal(border((5, 6), 1), expected)


@pytest.mark.parametrize(("level", "expected"), [(20, 240), (230, 15)])
def test_marks_contrast_with_what_is_there_and_cover_just_their_place(level, expected):
    image = on_ground(disc(), ground=(level,) * 3)
    band = border((64, 64), 4)
    after = np.asarray(marked(image, band))
    assert (after[band] == expected).all()
    assert_array_equal(after[~band], np.asarray(image)[~band])


def test_no_mark_leaves_the_picture():
    image = on_ground(disc())
    assert marked(image, np.zeros((64, 64), bool)) is image
