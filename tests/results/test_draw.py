import sys

import matplotlib as mpl
import numpy as np
import pytest
from tests.results.examples import (
    curve,
    explanation,
    heatmap,
    hostile_parts,
    matches,
    picture,
    scores,
)

from seewhy.results.draw import draw_part, drawable_text, new_axes, new_figure
from seewhy.results.heat import heat_colours
from seewhy.results.palette import LIGHT


def rendered(axes):
    axes.figure.canvas.draw()
    return np.asarray(axes.figure.canvas.buffer_rgba())


def test_bars_are_as_long_as_their_scores():
    axes = draw_part(scores(), new_axes())
    assert [bar.get_width() for bar in axes.patches] == [0.86, 0.03, 0.0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["colour", "shape", "size"]
    assert axes.get_xlim() == (0, 1.02)
    assert mpl.colors.to_hex(axes.patches[1].get_facecolor()) == LIGHT[1]
    top, bottom = (axes.patches[number].get_y() for number in (0, 2))
    assert axes.transData.transform((0, top))[1] > axes.transData.transform((0, bottom))[1]


def test_colours_can_be_given():
    axes = draw_part(scores(), new_axes(), colours=[7, 8, 9])
    colours = [mpl.colors.to_hex(bar.get_facecolor()) for bar in axes.patches]
    assert colours == [LIGHT[7], LIGHT[0], LIGHT[1]]


def test_lines_go_through_their_values():
    axes = draw_part(curve(), new_axes(), colours=[2, 2])
    first, second = axes.get_lines()
    np.testing.assert_array_equal(first.get_ydata(), curve().values[0])
    assert first.get_linestyle() != second.get_linestyle()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["red", "green"]
    assert [label.get_text() for label in axes.get_xticklabels()] == list(curve().ticks)


def test_a_curve_without_ticks_shows_numbers():
    part = curve(ticks=(), low=None, high=None, unit="share", names=(), values=np.zeros((0, 4)))
    axes = draw_part(part, new_axes())
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "2", "3"]
    assert axes.get_legend() is None


def test_matches_are_counted():
    axes = draw_part(matches(), new_axes())
    assert sum(bar.get_height() for bar in axes.patches) == 2
    negative = draw_part(matches(scores=np.array([-0.5, 0.2, 0.3])), new_axes())
    assert sum(bar.get_height() for bar in negative.patches) == 3


def test_heatmaps_are_drawn_row_by_row():
    (image,) = draw_part(heatmap(), new_axes()).get_images()
    np.testing.assert_array_equal(image.get_array(), heat_colours(heatmap().values))


def test_pictures_are_drawn_as_they_are():
    (image,) = draw_part(picture(), new_axes()).get_images()
    np.testing.assert_array_equal(image.get_array(), picture().pixels)


def test_of_many_bars_the_highest_are_drawn():
    names = tuple(f"name {number}" for number in range(200))
    values = np.linspace(0, 1, 200)
    axes = draw_part(scores(names=names, scores=values, low=None, high=None), new_axes())
    assert len(axes.patches) == 60
    assert axes.get_yticklabels()[0].get_text() == "name 199"


@pytest.mark.parametrize("part", [*hostile_parts(), *explanation().parts])
def test_every_part_is_drawn_without_warning(part):
    picture = rendered(draw_part(part, new_axes()))
    assert picture.min() < 128 < picture.max()


def test_letters_that_the_font_lacks_are_spelled_out():
    assert drawable_text("a颜🎨\n$") == "a\\u989c\\U0001f3a8\\n$"
    assert drawable_text("é→شكل") == "é→شكل"
    assert len(drawable_text("颜" * 100, 40)) == 40


def test_global_state_is_left_alone():
    before = dict(mpl.rcParams)
    rendered(draw_part(curve(), new_figure().add_subplot()))
    assert dict(mpl.rcParams) == before
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []
