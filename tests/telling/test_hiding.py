import numpy as np
import pytest
from PIL import Image

from seewhy.telling.hiding import elsewhere, falls, hidden

GREY, RED = (90, 90, 90), (255, 0, 0)


def spot():
    pixels = np.full((8, 12, 3), GREY, dtype=np.uint8)
    pixels[:4, :6] = RED
    return Image.fromarray(pixels)


def corner(rows=4, cols=4):
    mask = np.zeros((rows, cols), dtype=bool)
    mask[: rows // 2, : cols // 2] = True
    return mask


def redness(images):
    return [float((np.asarray(each) == RED).all(axis=2).sum()) for each in images]


def test_what_is_hidden_gets_the_median_colour_and_the_rest_stays():
    assert (np.asarray(hidden(spot(), corner())) == GREY).all()
    other = np.asarray(hidden(spot(), ~corner()))
    assert (other == np.asarray(spot())).all()


def test_other_places_are_as_large_and_lie_apart():
    masks = (corner(), *elsewhere(corner()))
    assert (np.sum(masks, axis=0) == 1).all()


def test_a_score_falls_where_it_rests_and_nowhere_else():
    """24 red pixels vanish under the mask; of the three other places none has any."""
    (found,) = falls(spot(), [corner()], redness)
    assert (found.fall, found.elsewhere) == (24, 0)
    (other,) = falls(spot(), [np.roll(corner(), 2, axis=1)], redness)
    assert (other.fall, other.elsewhere) == (0, 8)


def test_masks_do_not_change_each_other():
    masks = [corner(), np.roll(corner(), 1, axis=0)]
    both = falls(spot(), masks, redness)
    assert both == [falls(spot(), [mask], redness)[0] for mask in masks]


def test_nothing_is_scored_without_masks():
    assert falls(spot(), [], lambda _: pytest.fail("scored")) == []
