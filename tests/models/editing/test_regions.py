import numpy as np
import pytest
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.models.editing.regions import checked_box, cut_out


def numbered(width, height):
    """A picture that tells where each pixel was: its column is red, its row green."""
    rows, cols = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([cols, rows, cols * 0 + 9], axis=-1).astype(np.uint8))


def test_a_square_box_is_cut_as_it_is():
    found = np.asarray(cut_out(numbered(40, 40), (0.25, 0.5, 0.5, 0.75)))
    assert found.shape == (10, 10, 3)
    assert found[0, 0].tolist() == [10, 20, 9]
    assert found[-1, -1].tolist() == [19, 29, 9]


def test_a_narrow_box_gets_more_at_its_longer_edges():
    # Ten columns from 10 on, 20 rows from 20 on: five columns more at the left and the right.
    found = np.asarray(cut_out(numbered(40, 80), (0.25, 0.25, 0.5, 0.5)))
    assert found.shape == (20, 20, 3)
    assert found[0, 0].tolist() == [5, 20, 9]
    assert found[-1, -1].tolist() == [24, 39, 9]


def test_a_margin_is_a_share_of_the_longer_side():
    found = np.asarray(cut_out(numbered(80, 80), (0.25, 0.25, 0.5, 0.5), margin=0.25))
    assert found.shape == (30, 30, 3)
    assert found[0, 0].tolist() == [15, 15, 9]


def test_what_lies_beyond_the_image_is_black():
    found = np.asarray(cut_out(numbered(40, 40), (0.0, 0.0, 0.5, 0.5), margin=0.5))
    assert found.shape == (40, 40, 3)
    assert not found[:10].any()
    assert not found[:, :10].any()
    assert found[10, 10].tolist() == [0, 0, 9]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1"])
def test_other_modes_become_colours(mode):
    assert cut_out(Image.new(mode, (8, 8)), (0.0, 0.0, 1.0, 1.0)).mode == "RGB"


def test_a_box_thinner_than_a_pixel_is_a_pixel():
    found = cut_out(numbered(40, 40), (0.5, 0.5, 0.501, 0.501))
    assert min(found.size) >= 1


def test_a_box_that_leaves_the_image_is_cut():
    assert checked_box((-0.5, 0.25, 2.0, 1.0)) == (0.0, 0.25, 1.0, 1.0)


@pytest.mark.parametrize(
    "box",
    [
        (0.5, 0.5, 0.5, 0.9),
        (0.9, 0.1, 0.2, 0.5),
        (1.5, 0.0, 2.0, 1.0),
        (float("nan"), 0.0, 1.0, 1.0),
        (0.0, 0.0, 1.0),
        (),
        (0.0, 0.0, float("inf"), float("nan")),
    ],
)
def test_a_box_of_nothing_is_refused(box):
    with pytest.raises(UsageError, match="fractions"):
        checked_box(box)
