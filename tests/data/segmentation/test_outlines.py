import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists
from numpy.testing import assert_array_equal
from tests.data.segmentation.trees import code_of

from seewhy.data.segmentation.outlines import polygon_mask, run_mask, unpacked


def packed(runs):
    """COCO's text of run lengths, written from its description."""
    text = ""
    for place, run in enumerate(runs):
        value = run - runs[place - 2] if place > 2 else run
        more = True
        while more:
            code = value & 31
            value >>= 5
            more = value != (-1 if code & 16 else 0)
            text += chr(48 + (code | 32 if more else code))
    return text


def test_a_rectangle_is_the_pixels_whose_centres_it_holds():
    corners = np.array([[1, 0.6], [3.4, 0.6], [3.4, 2.5], [1, 2.5]])
    expected = np.zeros((4, 5), dtype=bool)
    expected[1:2, 1:3] = True
    assert_array_equal(polygon_mask(corners, (5, 4)), expected)
    assert_array_equal(polygon_mask(corners[::-1], (5, 4)), expected)


@given(seed=integers(0, 2**16))
def test_a_convex_outline_is_what_lies_on_one_side_of_all_its_edges(seed):
    generator = np.random.default_rng(seed)
    angles = np.sort(generator.uniform(0, 2 * np.pi, 6))
    centre, radius = generator.uniform(-2, 12, 2), generator.uniform(1, 8)
    corners = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    rows, cols = np.mgrid[:9, :11] + 0.5
    inside = np.ones((9, 11), dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        inside &= (x1 - x0) * (rows - y0) - (y1 - y0) * (cols - x0) > 0
    assert_array_equal(polygon_mask(corners, (11, 9)), inside)


def test_runs_go_down_the_columns_and_start_off():
    mask = run_mask([1, 2, 3], (3, 2))
    assert_array_equal(mask, [[0, 1, 0], [1, 0, 0]])
    assert_array_equal(run_mask(packed([1, 2, 3]), (3, 2)), mask)


@given(runs=lists(integers(0, 2**20), max_size=12))
def test_text_holds_any_runs(runs):
    assert unpacked(packed(runs)) == runs


def test_text_of_a_known_mask():
    # 5 = "5"; 32 needs a second character; the fourth is the difference to the second.
    assert unpacked("5P1" + "2" + "O") == [5, 32, 2, 31]


def test_text_that_pycocotools_wrote():
    """Version 2.0.11, of a disc and a bar in 60 x 40 pixels."""
    text = "W>;k04M2M4M2O0O2N2O0O2O00000000000000000001N101N2N101N3L3N3LU<HUD000000000000000V1"
    rows, cols = np.mgrid[:40, :60]
    expected = (rows - 20) ** 2 + (cols - 25) ** 2 < 15**2
    expected[2:5, 50:59] = True
    assert_array_equal(run_mask(text, (60, 40)), expected)


@pytest.mark.parametrize(
    ("counts", "size"),
    [([1, 2], (2, 2)), ([5, -1], (2, 2)), ([10**30], (2, 2)), ("~", (2, 2)), ("P", (2, 2)),
     ("PPPPPPPPPPPP", (2, 2)), ("", (1, 1)), ("é", (1, 1))],
)  # fmt: skip
def test_runs_that_do_not_fill_the_picture(counts, size):
    assert code_of(lambda: run_mask(counts, size)) == "bad_mask"
