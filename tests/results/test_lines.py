import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.results.examples import HOSTILE, curve

from seewhy.results.charts import Scale
from seewhy.results.lines import LABELLED_SERIES, MAX_SERIES, line_chart, spread


def points(svg, shape):
    return [
        [tuple(map(float, pair.split(","))) for pair in found.split()]
        for found in re.findall(rf'class="{shape}" points="([^"]+)"', svg)
    ]


def test_a_line_is_where_its_values_are():
    svg = line_chart(
        curve(
            names=("a",),
            positions=np.array([0.0, 1.0, 4.0]),
            values=np.array([[0.0, 0.5, 1.0]]),
            low=None,
            high=None,
            ticks=(),
        ),
        scale=Scale(0.0, 1.0),
    )
    assert points(svg, "line") == [[(3, 136), (26.5, 73), (97, 10)]]
    assert points(svg, "band") == []
    assert "a, 4: 1</title>" in svg


def test_a_gap_parts_the_line_and_the_band():
    svg = line_chart(curve())
    assert [len(run) for run in points(svg, "line")] == [4, 2, 1]
    assert [len(run) for run in points(svg, "band")] == [8, 4, 2]
    assert svg.count('class="dot"') == 7


def test_the_band_goes_round_the_line():
    svg = line_chart(curve(), scale=Scale(0.0, 1.0))
    line, band = points(svg, "line")[0], points(svg, "band")[0]
    upper, lower = band[:4], band[:3:-1]
    assert [x for x, _ in upper] == [x for x, _ in line] == [x for x, _ in lower]
    for above, middle, below in zip(upper, line, lower, strict=True):
        assert above[1] < middle[1] < below[1]


def test_one_point_stands_in_the_middle():
    values = np.array([[0.5], [0.6]])
    svg = line_chart(curve(positions=np.zeros(1), values=values, low=None, high=None, ticks=("x",)))
    assert svg.count('cx="50.0%"') == 2


def test_lines_of_one_colour_differ_by_dashes():
    dashes = re.findall(r'stroke-dasharray="([^"]+)"', line_chart(curve(), colours=[3, 3]))
    assert len(set(dashes)) == 2
    assert set(re.findall(r'stroke-dasharray="([^"]+)"', line_chart(curve()))) == {"none"}


def many(lines):
    return curve(
        names=tuple(f"series {number:02d}" for number in range(lines)),
        values=np.arange(lines)[:, None] + np.zeros((1, 4)),
        low=None,
        high=None,
    )


def test_of_many_lines_the_highest_are_drawn_and_labelled():
    svg = line_chart(many(MAX_SERIES + 5))
    assert svg.count('class="line"') == MAX_SERIES
    assert "5 further lines are not drawn." in svg
    labels = re.findall(r'<text class="label[^>]*>([^<]+)', svg)
    assert labels == [f"series {number}" for number in range(44, 44 - LABELLED_SERIES, -1)]
    assert "further" not in line_chart(many(MAX_SERIES))


def test_of_many_points_some_are_named():
    positions = np.arange(50.0)
    svg = line_chart(
        curve(positions=positions, values=np.zeros((2, 50)), low=None, high=None, ticks=())
    )
    assert 3 <= svg.count('text-anchor="middle">') <= 8


def test_a_series_without_values_is_no_error():
    values = np.full((2, 4), np.nan)
    svg = line_chart(curve(values=values, low=values, high=values))
    assert points(svg, "line") == []
    assert "red ends at –" in svg


def test_hostile_texts_are_text():
    svg = line_chart(curve(names=(HOSTILE, "b"), axis=HOSTILE, ticks=(HOSTILE,) * 4))
    assert "<script" not in svg
    assert "\x1b" not in svg


@given(st.lists(st.floats(0, 100), max_size=6))
def test_labels_keep_apart_and_in_order(places):
    moved = spread(places, gap=15.0, low=0.0, high=100.0)
    assert all(b - a >= 15 - 1e-9 for a, b in pairwise(sorted(moved)))
    assert np.argsort(moved, kind="stable").tolist() == np.argsort(places, kind="stable").tolist()
    assert not moved or max(moved) <= 100


def test_labels_that_have_room_stay():
    assert spread([50.0, 10.0], gap=15.0, low=0.0, high=100.0) == [50.0, 10.0]
    assert spread([50.0, 50.0], gap=10.0, low=0.0, high=100.0) == pytest.approx([50.0, 60.0])
