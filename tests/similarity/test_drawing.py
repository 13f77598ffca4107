from dataclasses import replace

import numpy as np
import pytest
from tests.similarity.examples import RED, spots

from seewhy.similarity.drawing import HEIGHT, Side, linked, shown_image, side_by_side

YELLOW, CYAN = (255, 214, 10), (90, 200, 250)


def places(picture, colour):
    return np.argwhere((picture == colour).all(axis=2))


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((64, 48), (384, 512)),
        ((1000, 2000), (384, 192)),
        ((4000, 100), (29, 1152)),
        ((1, 1), (384, 384)),
    ],
)
def test_pictures_are_of_one_height_unless_very_wide(size, shape):
    assert shown_image(spots(size=size)).shape == (*shape, 3)


def test_both_images_stand_side_by_side_as_they_are():
    first, second = shown_image(spots((RED, (0, 0)))), shown_image(spots(size=(20, 60)))
    sheet = side_by_side(first, second)
    assert sheet.shape[0] == HEIGHT
    assert (sheet[:, : first.shape[1]] == first).all()
    assert (sheet[:, -second.shape[1] :] == second).all()


def side(peak=None, counterpart=None):
    shown = np.zeros((100, 80, 3), dtype=np.uint8)
    mask = None
    if peak:
        mask = np.zeros((100, 80), dtype=bool)
        mask[peak[1] - 5 : peak[1] + 6, peak[0] - 5 : peak[0] + 6] = True
    return Side(shown, np.zeros((100, 80)), mask, peak, counterpart)


def test_a_line_joins_both_regions_and_passes_half_way():
    sheet = linked(side((20, 20)), side((60, 80)))
    yellow = places(sheet, YELLOW)
    gap = sheet.shape[1] - 160
    middle = np.array([50, (20 + 60 + 80 + gap) / 2])
    assert np.abs(yellow - middle).sum(axis=1).min() <= 3
    assert len(places(sheet, CYAN)) == 0


def test_no_line_begins_at_a_map_without_a_region():
    sheet = linked(side((20, 20)), side())
    assert (places(sheet, YELLOW)[:, 1] < 40).all()


def test_dashes_lead_from_a_region_to_its_counterpart():
    """The second picture's mark belongs to the first one's region."""
    sheet = linked(side((20, 50)), side(counterpart=(40, 50)))
    cyan = places(sheet, CYAN)
    shift = sheet.shape[1] - 80
    assert cyan[:, 1].max() == pytest.approx(shift + 40 + 9, abs=2)
    assert cyan[:, 1].min() < 40
    assert len(places(linked(side(), side(counterpart=(40, 50))), CYAN)) == 0


def test_one_high_pixel_does_not_hide_the_rest_of_a_map():
    values = np.zeros((100, 80))
    values[40:60, 20:60] = 1.0
    plain, spiked = (replace(side(), values=each) for each in (values, values + 0))
    spiked.values[0, 0] = 1000.0
    sheets = [linked(each, side()).astype(int) for each in (plain, spiked)]
    assert np.abs(sheets[0] - sheets[1])[40:60, 20:60].max() == 0
    assert (sheets[1][0, 0] == sheets[1][50, 40]).all()
    lonely = np.zeros((100, 80))
    lonely[50, 40] = -2.0
    sheet = linked(replace(side(), values=lonely), side())
    assert (sheet[50, 40] != sheet[50, 41]).any()
