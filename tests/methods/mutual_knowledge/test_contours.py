import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from skimage.measure import label

from seewhy.methods.mutual_knowledge.contours import border_visits, largest_borders, without_holes

RING = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]


def mask(*rows):
    return np.array([[letter == "#" for letter in row] for row in rows])


def walked(region):
    """The pixels of the outer border of one connected region, one after the other."""
    padded = np.pad(region, 1)
    here = start = tuple(map(int, np.argwhere(padded)[0]))
    steps, came_from = [], 6
    while True:
        for turn in range(1, 9):
            ahead = (came_from + turn) % 8
            there = (here[0] + RING[ahead][0], here[1] + RING[ahead][1])
            if padded[there]:
                break
        else:
            return [(start[0] - 1, start[1] - 1)]
        if steps and (here, ahead) == steps[0]:
            return [(row - 1, col - 1) for (row, col), _ in steps]
        steps.append((here, ahead))
        # The last pixel outside that was looked at, as seen from the next one.
        before = (here[0] + RING[ahead - 1][0], here[1] + RING[ahead - 1][1])
        came_from = RING.index((before[0] - there[0], before[1] - there[1]))
        here = there


def shoelace(steps):
    rows, cols = np.array(steps).T
    return abs(np.sum(rows * np.roll(cols, 1) - cols * np.roll(rows, 1))) / 2


masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))


@settings(max_examples=40)
@given(masks)
def test_visits_are_those_of_a_walk_around_each_region(drawn):
    filled = without_holes(drawn[None])[0]
    regions, count = label(filled, connectivity=2, return_num=True)
    expected = np.zeros(drawn.shape, dtype=int)
    for number in range(1, count + 1):
        for place in walked(regions == number):
            expected[place] += 1
    np.testing.assert_array_equal(border_visits(filled[None])[0], expected)


@settings(max_examples=40)
@given(masks)
def test_no_region_encloses_more_than_the_largest(drawn):
    filled = without_holes(drawn[None])[0]
    regions, count = label(filled, connectivity=2, return_num=True)
    areas = [shoelace(walked(regions == number)) for number in range(1, count + 1)]
    inside = largest_borders(drawn[None]).inside[0]
    if not count:
        assert not inside.any()
        return
    (number,) = np.unique(regions[inside])
    np.testing.assert_array_equal(inside, regions == number)
    assert areas[number - 1] == max(areas)


@settings(max_examples=40)
@given(masks)
def test_a_part_is_bounded_alike_alone_and_among_others(drawn):
    stack = np.stack([~drawn, drawn, drawn])
    together, alone = largest_borders(stack), largest_borders(drawn[None])
    np.testing.assert_array_equal(together.inside[1:], alone.inside.repeat(2, axis=0))
    np.testing.assert_array_equal(together.visits[2], alone.visits[0])


def test_a_line_is_walked_there_and_back():
    (visits,) = border_visits(mask(".....", ".####", ".....")[None])
    assert visits.tolist() == [[0] * 5, [0, 1, 2, 2, 1], [0] * 5]


def test_holes_and_what_lies_in_them_belong_to_what_surrounds_them():
    nested = mask("#####.", "#...#.", "#.#.#.", "#...#.", "#####.", "......")
    (filled,) = without_holes(nested[None])
    assert filled[:5, :5].all()
    assert filled.sum() == 25
    assert largest_borders(nested[None]).visits.sum() == 16


def test_a_gap_at_a_corner_lets_nothing_out_and_one_at_a_side_does():
    closed, opened = mask(".##.", "#..#", ".##."), mask(".##.", "#..#", ".#..")
    assert without_holes(closed[None]).sum() == 8
    assert without_holes(opened[None]).sum() == 5


def test_a_long_thin_region_encloses_less_than_a_small_thick_one():
    both = mask("########", "........", "###.....", "###.....")
    (inside,) = largest_borders(both[None]).inside
    assert np.argwhere(inside).tolist() == [[row, col] for row in (2, 3) for col in range(3)]


def test_of_equal_regions_the_first_is_taken():
    (inside,) = largest_borders(mask("...##", "##.##", "##...")[None]).inside
    assert np.argwhere(inside).tolist() == [[0, 3], [0, 4], [1, 3], [1, 4]]


@pytest.mark.parametrize("shape", [(0, 4, 4), (2, 4, 4)])
def test_nothing_has_no_border(shape):
    borders = largest_borders(np.zeros(shape, dtype=bool))
    assert borders.inside.shape == borders.visits.shape == shape
    assert not borders.inside.any()
    assert not borders.visits.any()
