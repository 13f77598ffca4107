import numpy as np
import pytest
from scipy import ndimage
from tests.methods.mutual_knowledge.golden import arrays
from tests.methods.mutual_knowledge.pictures import golden_labels, labels

from seewhy.methods.mutual_knowledge.drawing import drawn
from seewhy.methods.mutual_knowledge.ellipses import Ellipse
from seewhy.methods.mutual_knowledge.shapes import (
    BoundedPart,
    BoundedParts,
    Bounding,
    Box,
    bounded_parts,
)


def one(shape, size=(40, 50)):
    part = BoundedPart(image=0, label=0, area=1, shape=shape, fit="ellipse")
    return drawn(BoundedParts((part,), (), size))


def wider(mask):
    return ndimage.binary_dilation(mask, np.ones((3, 3)))


def test_the_published_lines_to_within_a_pixel():
    found = drawn(bounded_parts(golden_labels(), Bounding(patch=8)))
    for image, line in zip(arrays("prompts")["red"], found.outlines, strict=True):
        stored = (image == [255, 0, 0]).all(axis=-1)
        assert not (stored & ~wider(line)).any()
        assert not (line & ~wider(stored)).any()
        assert (stored & line).sum() > 0.7 * stored.sum()


@pytest.mark.parametrize("axes", [(1.0, 1.0), (2.5, 30.0), (20.0, 34.0), (30.0, 30.0)])
@pytest.mark.parametrize("angle", [0.0, 37.0, 90.0, 121.0])
def test_a_line_is_closed_thin_and_lies_on_the_ellipse(axes, angle):
    ellipse = Ellipse((24.3, 19.6), axes, angle)
    found = one(ellipse)
    line, filled = found.outlines[0], found.filled[0]
    _, count = ndimage.label(line, np.ones((3, 3)))
    assert count == 1
    np.testing.assert_array_equal(filled, ndimage.binary_fill_holes(line))
    rows, cols = np.nonzero(line)
    exact = ellipse.points(2000)
    away = np.abs(np.stack([cols, rows], axis=1)[:, None] - exact).max(axis=-1).min(axis=1)
    assert away.max() < 1
    core = ndimage.binary_erosion(line, np.ones((3, 3)))
    assert not core.any()


def test_an_ellipse_holds_about_its_area():
    ellipse = Ellipse((100.0, 90.0), (80.0, 120.0), 30.0)
    found = one(ellipse, (200, 200))
    within = found.filled.sum() - found.outlines.sum() / 2
    assert within == pytest.approx(ellipse.area, rel=0.01)


def test_a_box_by_hand():
    found = one(Box(1, 0, 3, 2), (4, 5))
    assert found.filled[0].astype(int).tolist() == [[0, 1, 1, 1, 0]] * 3 + [[0] * 5]
    assert found.outlines[0].astype(int).tolist() == [
        [0, 1, 1, 1, 0],
        [0, 1, 0, 1, 0],
        [0, 1, 1, 1, 0],
        [0] * 5,
    ]


@pytest.mark.parametrize(
    "shape", [Box(2, 2, 2, 2), Box(0, 1, 3, 1), Ellipse((2.0, 2.0), (0.0, 0.0), 0.0)]
)
def test_shapes_without_an_inside_are_drawn(shape):
    found = one(shape, (4, 5))
    assert found.outlines.any()
    np.testing.assert_array_equal(found.filled, found.outlines)


def test_what_lies_outside_the_image_is_cut_off():
    found = one(Ellipse((0.0, 20.0), (30.0, 400.0), 90.0))
    assert found.filled.any()
    nothing = one(Ellipse((-300.0, 20.0), (30.0, 40.0), 0.0))
    assert not nothing.filled.any()


def test_a_contour_is_the_region_and_its_rim():
    grid = labels(".0000.", "00000.", "0000..", "......")
    found = drawn(bounded_parts(grid, Bounding(patch=1, kind="contour")))
    np.testing.assert_array_equal(found.filled[0], grid[0] == 0)
    inner = ndimage.binary_erosion(grid[0] == 0)
    np.testing.assert_array_equal(found.outlines[0], (grid[0] == 0) & ~inner)


def test_a_thicker_line_grows_to_both_sides_and_into_the_shape():
    (line,) = one(Box(5, 5, 20, 20)).outlines
    thick = drawn(
        BoundedParts((BoundedPart(0, 0, 1, Box(5, 5, 20, 20), "box"),), (), (40, 50)), thickness=3
    )
    np.testing.assert_array_equal(thick.outlines[0], wider(line))
    assert thick.filled[0, 4, 4]


def test_some_of_the_drawings_keep_their_owners():
    grids = np.concatenate([labels("00.11", "00.11"), labels("22222", "22222")])
    found = drawn(bounded_parts(grids, Bounding(patch=1)))
    some = found.some(1, 3)
    assert some.owners.tolist() == [0, 1]
    np.testing.assert_array_equal(some.filled, found.filled[1:])


def test_no_parts_make_no_drawings():
    found = drawn(BoundedParts((), (), (6, 7)))
    assert found.filled.shape == found.outlines.shape == (0, 6, 7)
    assert found.owners.shape == (0,)
