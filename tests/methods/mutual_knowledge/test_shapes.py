import numpy as np
import pytest
from tests.methods.mutual_knowledge.golden import arrays
from tests.methods.mutual_knowledge.pictures import blocks, golden_labels, labels

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.ellipses import Ellipse
from seewhy.methods.mutual_knowledge.shapes import Bounding, Box, Contour, bounded_parts

ANY = Bounding(patch=4, minimum_area=1)


@pytest.mark.parametrize("protocol", ["mended", "published"])
def test_the_published_ellipses(protocol):
    found = bounded_parts(golden_labels(), Bounding(patch=8, protocol=protocol)).parts
    stored = arrays("prompts")["ellipses"]
    assert [part.fit for part in found] == ["ellipse"] * len(stored)
    fitted = np.array([[*part.shape.centre, *part.shape.axes] for part in found])
    np.testing.assert_allclose(fitted, stored[:, :4], atol=1e-3)
    angles = np.array([part.shape.angle for part in found])
    np.testing.assert_allclose((angles - stored[:, 4] + 90) % 180, 90, atol=1e-2)


def test_parts_come_by_image_and_label_whatever_else_is_there():
    grids = np.concatenate([labels("2.0.", "2.00"), labels("....", "...."), labels("1111", "2222")])
    found = bounded_parts(grids, ANY)
    assert [(part.image, part.label, part.area) for part in found.parts] == [
        (0, 0, 3),
        (0, 2, 2),
        (2, 1, 4),
        (2, 2, 4),
    ]
    assert found.owners.tolist() == [0, 0, 2, 2]
    assert found.size == (2, 4)
    (alone, _) = bounded_parts(grids[2:], ANY).parts
    assert alone.shape == found.parts[2].shape


def test_parts_smaller_than_a_patch_are_left_out_and_told():
    grid = blocks(12, part0=(slice(0, 4), slice(0, 4)), part1=(slice(6, 9), slice(6, 11)))
    mended = bounded_parts(grid, Bounding(patch=4))
    assert [part.label for part in mended.parts] == [0]
    assert [(part.label, part.area) for part in mended.ignored] == [(1, 15)]
    published = bounded_parts(grid, Bounding(patch=4, protocol="published"))
    assert [part.label for part in published.parts] == [0, 1]
    assert published.ignored == ()


@pytest.mark.parametrize("shape", [(0, 5, 5), (2, 5, 5)])
def test_no_parts_are_no_fault(shape):
    found = bounded_parts(np.full(shape, -1), ANY)
    assert found.parts == found.ignored == ()
    assert found.owners.shape == (0,)


def test_a_region_of_few_border_points_gets_a_circle_as_wide_as_a_patch():
    (part,) = bounded_parts(labels("....", ".00.", ".00."), ANY).parts
    assert part.fit == "circle"
    assert part.shape == Ellipse((1.5, 1.5), (4.0, 4.0), 0.0)
    (small,) = bounded_parts(labels("....", ".00.", ".00."), Bounding(patch=1)).parts
    np.testing.assert_allclose(small.shape.area, 4)


def test_a_straight_band_gets_the_ellipse_of_its_moments():
    (part,) = bounded_parts(labels("........", ".000000.", "........"), ANY).parts
    assert part.fit == "moments"
    np.testing.assert_allclose(part.shape.axes, [4 / 12**0.5, 4 * 6 / 12**0.5])
    assert part.shape.angle == 90


def bow():
    """A thin slanting line with a bend, whose best conic is a huge ellipse."""
    grid = np.full((1, 60, 120), -1)
    across = np.arange(120)
    grid[0, (across**2 // 400).astype(int) + 10, across] = 0
    return grid


def test_an_ellipse_much_larger_than_its_part_is_replaced_unless_as_published():
    (mended,) = bounded_parts(bow(), ANY).parts
    published = Bounding(patch=4, protocol="published")
    (kept,) = bounded_parts(bow(), published).parts
    assert (mended.fit, kept.fit) == ("moments", "ellipse")
    assert kept.shape.area > 1000 * kept.area
    assert mended.shape.axes[1] < 150


def test_only_the_region_that_encloses_most_is_bounded():
    split = labels("00000000000", "...........", "..00000....", "..0...0....", "..00000....")
    (box,) = bounded_parts(split, Bounding(patch=1, kind="box")).parts
    assert box.shape == Box(left=2, top=2, right=6, bottom=4)
    assert box.area == 23
    (contour,) = bounded_parts(split, Bounding(patch=1, kind="contour")).parts
    assert isinstance(contour.shape, Contour)
    assert contour.shape.inside.sum() == 15


def test_a_part_that_is_the_whole_image_is_bounded():
    grid = np.zeros((1, 20, 30), dtype=int)
    (part,) = bounded_parts(grid, Bounding(patch=4)).parts
    assert part.fit == "ellipse"
    assert part.shape.centre == pytest.approx((14.5, 9.5))
    assert part.shape.angle == pytest.approx(90)


@pytest.mark.parametrize("faults", [{"patch": 0}, {"patch": 4, "minimum_area": 0}])
def test_areas_of_nothing_are_refused(faults):
    with pytest.raises(UsageError, match="at least one pixel"):
        Bounding(**faults)
