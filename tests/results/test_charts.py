import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seewhy.results.charts import Scale, bar_chart, interval_text, scale_for, value_text


def attribute(svg, shape, name):
    """The values of an attribute of all shapes of a class, in per cent."""
    return [
        float(found)
        for tag in re.findall(rf'<\w+ class="{shape}"[^>]*>', svg)
        for found in re.findall(rf' {name}="([-\d.]+)%"', tag)
    ]


def test_a_bar_goes_from_zero_to_its_value():
    svg = bar_chart(0.86, (0.8, 0.9), name="colour", colour=9)
    assert attribute(svg, "fill", "x") == [0]
    assert attribute(svg, "fill", "width") == [86]
    assert attribute(svg, "whisker", "x1") == [80, 80, 90]
    assert attribute(svg, "whisker", "x2") == [90, 80, 90]
    assert "<title>colour: 86 %, 95 % interval 80 to 90 %</title>" in svg
    assert 'class="bar c1"' in svg


def test_a_negative_bar_goes_left_from_zero():
    svg = bar_chart(-0.5, name="a", unit="score", scale=Scale(-1.0, 1.0))
    assert attribute(svg, "fill", "x") == [25]
    assert attribute(svg, "fill", "width") == [25]
    assert "<title>a: −0.5</title>" in svg


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_value_is_an_empty_rail(missing):
    svg = bar_chart(missing, (missing, missing), name="a")
    assert "fill" not in svg
    assert "whisker" not in svg
    assert "<title>a: –</title>" in svg


def test_a_hostile_name_is_text():
    assert "<script" not in bar_chart(0.5, name="<script>")


@pytest.mark.parametrize(
    ("low", "high", "unit", "text"),
    [
        (0.78, 0.86, "share", "78 to 86 %"),
        (1.0, 1.0, "share", "100 to 100 %"),
        (0.001, 0.86, "share", "<1 % to 86 %"),
        (-0.1, 0.2, "share", "−10 % to 20 %"),
        (0.25, 0.5, "score", "0.25 to 0.5"),
        (None, 0.5, "share", ""),
        (0.5, float("nan"), "share", ""),
    ],
)
def test_intervals_in_words(low, high, unit, text):
    assert interval_text(low, high, unit) == text


def test_values_in_words():
    assert value_text(0.5, "share") == "50 %"
    assert value_text(0.5, "similarity") == "0.5"


def test_shares_lie_between_zero_and_one():
    assert scale_for([0.2, None], "share") == Scale(0.0, 1.0)
    assert scale_for([], "share") == Scale(0.0, 1.0)
    assert scale_for([0.2, -0.1], "share").low < -0.1


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=9))
def test_all_values_lie_inside_their_scale(values):
    scale = scale_for(values, "score")
    known = [value for value in values if value is not None]
    assert scale.low < scale.high
    assert all(scale.low <= value <= scale.high for value in known)


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4))
def test_ticks_are_few_round_and_inside(low, width):
    scale = Scale(low, low + width)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 6
    assert all(low - width * 1e-6 <= tick <= low + width * (1 + 1e-6) for tick in ticks)
    steps = [second - first for first, second in pairwise(ticks)]
    assert all(step == pytest.approx(steps[0], rel=1e-3) for step in steps)


def test_values_outside_are_drawn_at_the_edge():
    assert Scale(0.0, 2.0).fraction(3.0) == 1
    assert Scale(0.0, 2.0).fraction(-1.0) == 0
    assert Scale(0.0, 2.0).fraction(0.5) == 0.25
