import numpy as np
import pytest
import torch

from seewhy.models.preprocessing import Preprocessing
from seewhy.similarity.entries import Place
from seewhy.similarity.regions import Peak, View, counterpart_of, peak_of, place_in


def test_the_region_is_the_connected_part_around_the_highest_pixel():
    values = np.zeros((4, 5))
    values[0, 0], values[0, 1], values[3, 4], values[2, 0] = 5, 4, 4.5, 1
    peak = peak_of(values, share=3 / 20)
    assert peak.at == (0, 0)
    assert np.argwhere(peak.mask).tolist() == [[0, 0], [0, 1]]


def test_pixels_that_tie_count_but_never_the_lowest():
    values = np.zeros((3, 3))
    values[1, :2] = 1
    assert peak_of(values, share=0.1).mask.sum() == 2
    assert peak_of(values, share=0.5).mask.sum() == 2


def test_what_was_not_looked_at_has_no_part():
    values = np.full((3, 3), np.nan)
    values[2, 1:] = 1, 2
    peak = peak_of(values, share=0.5)
    assert peak.at == (2, 2)
    assert np.argwhere(peak.mask).tolist() == [[2, 2]]


@pytest.mark.parametrize("value", [0.0, 3.0, np.nan])
def test_a_flat_map_has_no_region(value):
    assert peak_of(np.full((3, 4), value), share=0.1) is None


def test_a_box_is_in_pixels_of_the_image():
    mask = np.zeros((4, 8), dtype=bool)
    mask[1:3, 2] = True
    region = Peak((2, 1), mask).region((80, 20))
    assert (region.left, region.top, region.right, region.bottom) == (20, 5, 30, 15)
    assert region.peak == Place(x=25, y=7)
    assert region.share == 2 / 32


@pytest.mark.parametrize(("at", "wanted"), [((0, 0), (0, 0)), ((7, 3), (7, 3)), ((3, 1), (3, 1))])
def test_a_picture_of_the_image_itself_has_its_places(at, wanted):
    found = place_in(at, (4, 8), (8, 4))
    assert (found.x, found.y) == wanted


def test_the_counterpart_has_the_same_maps_elsewhere():
    """One cell is red in both grids; all other cells are of other colours."""
    first, second = torch.zeros(3, 4, 4), torch.zeros(3, 4, 4)
    first[1], second[2] = 1.0, 1.0
    first[:, 0, 0] = second[:, 3, 2] = torch.tensor([1.0, 0.0, 0.0])
    placement = Preprocessing(16, resize="squash").placement((40, 20))
    mask = np.zeros((20, 40), dtype=bool)
    mask[:3, :5] = True
    views = [View(each, placement, (80, 40)) for each in (first, second)]
    found = counterpart_of(mask, *views)
    assert 20 <= found.at[0] < 30
    assert 15 <= found.at[1] < 20
    assert 40 <= found.counterpart.place.x < 60
    assert 30 <= found.counterpart.place.y < 40
    assert found.counterpart.likeness == pytest.approx(1, abs=0.1)
