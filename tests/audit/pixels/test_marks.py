import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.audit.pixels.pictures import chance, scene

from seewhy.audit.pixels.marks import border_marks, colour_distances
from seewhy.data.scenes import draw_scene, random_scene


def as_colours(image):
    return np.asarray(image, dtype=np.float32)


@pytest.mark.parametrize("texture", ["plain", "striped", "dotted", "checkered"])
@pytest.mark.parametrize("mark", ["frame", "corner", "none"])
def test_frames_and_corners_are_found_pixel_by_pixel(texture, mark):
    image, _ = scene(background_texture=texture, mark=mark)
    expected = np.zeros((64, 64), dtype=bool)
    if mark == "frame":
        expected[:] = True
        expected[4:-4, 4:-4] = False
    elif mark == "corner":
        expected[:8, :8] = True
    assert_array_equal(border_marks(as_colours(image)), expected)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_mark_may_be_in_any_corner(turns):
    image, _ = scene(mark="corner")
    found = border_marks(as_colours(image))
    turned = border_marks(np.rot90(as_colours(image), turns).copy())
    assert_array_equal(turned, np.rot90(found, turns))
    assert found.sum() == 64


def test_among_random_scenes_none_is_missed_and_none_invented():
    generator = chance(1)
    for _ in range(100):
        drawn_from = random_scene(generator)
        found = border_marks(as_colours(draw_scene(drawn_from).image))
        assert found.any() == (drawn_from.mark != "none")


def test_a_plain_picture_and_a_tiny_one_have_no_marks():
    assert not border_marks(np.full((40, 50, 3), 90, np.float32)).any()
    assert not border_marks(np.zeros((9, 9, 3), np.float32)).any()


def test_distances_between_colours_are_euclidean():
    colours = np.array([[[3, 4, 0], [0, 0, 0]]], dtype=np.float32)
    assert_array_equal(colour_distances(colours, np.zeros(3, np.float32)), [[5, 0]])
