import numpy as np
import pytest

from seewhy.concepts.drawing import labels_over, part_colour, parts_over
from seewhy.models.preprocessing import Placement
from seewhy.results.palette import LIGHT


def squashed(width, height, side):
    return Placement((height, width), (side, side), (0, 0), (side, side))


def test_labels_of_a_squashed_image_are_stretched_back():
    labels = np.array([[0, 1], [-1, 2]])
    found = labels_over(labels, squashed(6, 4, 2), size=(6, 4))
    assert (found == labels.repeat(2, axis=0).repeat(3, axis=1)).all()


def test_what_was_cut_off_has_no_part():
    placement = Placement(image=(4, 8), resized=(2, 4), corner=(0, 1), window=(2, 2))
    found = labels_over(np.array([[0, 1], [0, 1]]), placement, size=(8, 4))
    assert found[0].tolist() == [-1, -1, 0, 0, 1, 1, -1, -1]


def test_margins_that_the_model_was_shown_are_not_in_the_image():
    placement = Placement(image=(4, 4), resized=(4, 4), corner=(-2, 0), window=(8, 4))
    labels = np.arange(8)[:, None].repeat(4, axis=1)
    assert labels_over(labels, placement, size=(4, 4))[:, 0].tolist() == [2, 3, 4, 5]


def test_a_smaller_picture_has_the_part_under_each_pixels_centre():
    labels = np.arange(6)[None].repeat(6, axis=0)
    placement = squashed(6, 6, 6)
    assert labels_over(labels, placement, size=(2, 3)).tolist() == [[1, 4]] * 3


def test_parts_are_drawn_in_their_colours_and_the_rest_without():
    image = np.full((80, 80, 3), 128, dtype=np.uint8)
    labels = np.full((80, 80), -1)
    labels[:40, :40], labels[40:, 40:] = 0, 9
    drawn = parts_over(image, labels)
    assert np.ptp(drawn[10, 60].astype(int)) == 0
    for (row, col), label in (((0, 0), 0), ((41, 79), 9)):
        assert "#" + bytes(drawn[row, col].tolist()).hex() == part_colour(label)
    assert part_colour(9) == LIGHT[1]


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 200)])
def test_pictures_of_any_shape_can_be_drawn_on(shape):
    image = np.zeros((*shape, 3), dtype=np.uint8)
    assert parts_over(image, np.zeros(shape, dtype=np.int64)).shape == image.shape
    assert parts_over(image, np.full(shape, -1)).shape == image.shape
