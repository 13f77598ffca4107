import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import floats, integers
from scipy.optimize import least_squares

from seewhy.methods.mutual_knowledge.ellipses import Ellipse, fitted_ellipse, moments_ellipse


def once(places):
    return np.ones(len(places), dtype=int)


@settings(max_examples=30)
@given(
    shorter=floats(1, 20),
    ratio=floats(1.1, 5),
    angle=floats(0, 179.9),
    count=integers(5, 40),
)
def test_points_of_an_ellipse_give_that_ellipse(shorter, ratio, angle, count):
    ellipse = Ellipse((40.5, -7.0), (shorter, ratio * shorter), angle)
    places = ellipse.points(count)
    found = fitted_ellipse(places, once(places))
    np.testing.assert_allclose(found.centre, ellipse.centre, atol=1e-5)
    np.testing.assert_allclose(found.axes, ellipse.axes, rtol=1e-5)
    assert abs((found.angle - angle + 90) % 180 - 90) < 1e-3


def test_points_of_an_ellipse_satisfy_its_equation():
    x, y = Ellipse((1.0, 2.0), (4.0, 6.0), 0.0).points(16).T
    np.testing.assert_allclose(((x - 1) / 2) ** 2 + ((y - 2) / 3) ** 2, 1)
    x, y = Ellipse((1.0, 2.0), (4.0, 6.0), 90.0).points(16).T
    np.testing.assert_allclose(((x - 1) / 3) ** 2 + ((y - 2) / 2) ** 2, 1)


def test_turning_the_points_turns_the_ellipse():
    places = np.random.default_rng(0).normal(size=(30, 2)) * [3, 9]
    plain, turned = (
        fitted_ellipse(places, once(places)),
        fitted_ellipse(places[:, ::-1] * [-1, 1], once(places)),
    )
    np.testing.assert_allclose(turned.axes, plain.axes)
    np.testing.assert_allclose((turned.angle - plain.angle) % 180, 90, atol=1e-6)


def test_both_steps_minimise_what_is_left_of_their_equation():
    places = np.random.default_rng(1).normal(size=(25, 2)) * [5, 8] + 3
    found = fitted_ellipse(places, once(places))
    x, y = (places - places.mean(axis=0)).T
    a, b, c, d, e = least_squares(
        lambda t: t[0] * x * x + t[1] * y * y + t[2] * x * y + t[3] * x + t[4] * y - 1,
        np.full(5, 0.1),
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    ).x
    centre = np.linalg.solve([[2 * a, c], [c, 2 * b]], [-d, -e])
    np.testing.assert_allclose(found.centre, centre + places.mean(axis=0), atol=1e-6)
    radius, middle = np.array(found.axes) / 2, np.array(found.centre)
    turn = np.radians(found.angle)
    along = np.array([np.cos(turn), np.sin(turn)])
    beside = np.array([-np.sin(turn), np.cos(turn)])
    axes = np.stack([along, beside], axis=1) / radius
    left = (((places - middle) @ axes) ** 2).sum(axis=1) - 1
    x, y = (places - middle).T
    for slope in (x * x, y * y, x * y):
        assert abs(left @ slope) < 1e-6 * np.abs(left * slope).sum()


def test_a_point_that_counts_twice_is_two_points():
    exact = Ellipse((3.0, 4.0), (5.0, 9.0), 20.0).points(12)
    places = exact + np.random.default_rng(2).normal(size=(12, 2)) / 9
    weights = np.ones(12, dtype=int)
    weights[3] = 2
    twice = np.concatenate([places, places[3:4]])
    found, expected = fitted_ellipse(places, weights), fitted_ellipse(twice, once(twice))
    np.testing.assert_allclose(found.axes, expected.axes)
    np.testing.assert_allclose(found.centre, expected.centre)


@pytest.mark.parametrize(
    "places",
    [
        [[0, 0], [1, 0], [2, 0], [3, 0], [4, 0]],
        [[x, y] for x in range(4) for y in range(2)],
        [[x, x + y] for x in range(4) for y in range(2)],
        [[7, 7]] * 6,
        [[-3, 1 / 3], [-1, 1], [-0.25, 4], [3, -1 / 3], [1, -1], [0.25, -4]],
    ],
    ids=["line", "band", "slanting band", "point", "hyperbola"],
)
def test_what_lies_on_no_ellipse_gives_none(places):
    places = np.array(places, dtype=np.float64)
    assert fitted_ellipse(places, once(places)) is None


def test_the_moments_of_a_rectangle_are_those_of_an_area():
    rows, cols = np.mgrid[0:4, 0:9]
    found = moments_ellipse(np.stack([cols.ravel(), rows.ravel()], axis=1).astype(float))
    assert found.centre == (4.0, 1.5)
    np.testing.assert_allclose(found.axes, [4 * 4 / 12**0.5, 4 * 9 / 12**0.5])
    assert found.angle == 90


def test_the_moments_of_a_drawn_ellipse_give_that_ellipse():
    y, x = np.mgrid[0:200, 0:200]
    u, v = (x - 90 + y - 110) / 2**0.5, (y - 110 - x + 90) / 2**0.5
    inside = (u / 30) ** 2 + (v / 70) ** 2 <= 1
    found = moments_ellipse(np.stack([x[inside], y[inside]], axis=1).astype(float))
    np.testing.assert_allclose(found.centre, (90, 110), atol=0.05)
    np.testing.assert_allclose(found.axes, (60, 140), rtol=3e-3)
    np.testing.assert_allclose(found.angle, 45, atol=0.1)


def test_one_pixel_has_moments():
    found = moments_ellipse(np.array([[3.0, 5.0]]))
    np.testing.assert_allclose(found.axes, 4 / 12**0.5)
    assert found.angle == 0
