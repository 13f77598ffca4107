import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import floats, tuples
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from tests.audit.pixels.pictures import chance, disc, on_ground, scene

from seewhy.audit.pixels.cutouts import taken_apart
from seewhy.audit.pixels.pasting import fitting_window, has_two_shades, pasted, reshaped, resized

RED = (220, 40, 30)


def is_red(image):
    return np.abs(np.asarray(image).astype(int) - RED).max(axis=2) < 40


def centre(mask):
    return np.argwhere(mask).mean(axis=0)


def lengths(window):
    return [each.stop - each.start for each in window]


SHARES = tuples(floats(0, 3), floats(0, 3))
PLACES = tuples(floats(0, 1), floats(0, 1))


@given(size=SHARES, place=PLACES)
def test_windows_lie_in_the_picture_and_are_as_large_as_fits(size, place):
    mask = disc()[:48]
    window = fitting_window(taken_apart(on_ground(mask)), size, place)
    assert all(0 <= each.start < each.stop for each in window)
    assert all(each.stop <= whole for each, whole in zip(window, mask.shape, strict=True))
    shrink = min(1, 1 / max(*size, 1e-9))
    assert_allclose(lengths(window), np.array(size) * shrink * mask.shape, atol=1)


@given(size=tuples(floats(0.1, 0.4), floats(0.1, 0.4)))
def test_a_window_in_the_middle_is_centred(size):
    window = fitting_window(taken_apart(on_ground(disc())), size, (0.5, 0.5))
    assert_allclose([(each.start + each.stop) / 2 for each in window], 32, atol=0.5)


@pytest.mark.parametrize("place", [(0.3, 0.3), (0.5, 0.5), (0.7, 0.4)])
def test_a_moved_object_keeps_shape_and_size_and_leaves_only_background(place):
    image = on_ground(disc(radius=9))
    after = pasted(taken_apart(image), 1.0, place)
    step = np.round(centre(is_red(after)) - centre(is_red(image))).astype(int)
    assert_allclose(centre(is_red(after)) + 0.5, np.multiply(place, 64), atol=0.6)
    assert_array_equal(np.roll(is_red(image), step, axis=(0, 1)), is_red(after))
    assert (np.asarray(after)[~is_red(after)] == (30, 60, 200)).all()


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.5, 2.0])
@pytest.mark.parametrize(
    "change", [resized, lambda parts, factor: pasted(parts, factor, (0.5, 0.5))]
)
def test_areas_grow_with_the_square_of_the_factor(factor, change):
    image = on_ground(disc(radius=10, centre=(32, 32)))
    after = (np.asarray(change(taken_apart(image), factor)) != (30, 60, 200)).any(axis=2)
    assert after.sum() == pytest.approx(factor**2 * is_red(image).sum(), rel=0.06)
    assert_allclose(centre(after), centre(is_red(image)), atol=0.6)


def test_an_object_never_outgrows_the_picture():
    image = on_ground(disc(radius=12, centre=(20, 40)))
    after = is_red(resized(taken_apart(image), 9.0))
    assert after.sum() == pytest.approx(np.pi * 32**2, rel=0.03)


@pytest.mark.parametrize("factor", [0.6, 1.6])
def test_a_texture_of_two_shades_keeps_its_scale(factor):
    image, _ = scene(kind="square", texture="striped", tint=0.0, radius=0.22, centre=(0.5, 0.5))
    after = np.asarray(resized(taken_apart(image), factor).convert("L")).astype(float)
    before = np.asarray(image.convert("L")).astype(float)
    middle = slice(26, 38)
    assert np.abs(after - before)[middle, middle].mean() < 1
    assert (after != before).mean() > 0.05


def test_what_has_many_colours_is_scaled_with_the_object():
    mask = disc(radius=16, centre=(32, 32))
    image = on_ground(mask)
    pixels = np.asarray(image).copy()
    pixels[mask, 1] = np.linspace(0, 250, mask.sum()).astype(np.uint8)
    after = np.asarray(resized(taken_apart(Image.fromarray(pixels)), 0.5))
    assert np.ptp(after[25:39, 32, 1].astype(int)) > 180


@pytest.mark.parametrize(("levels", "expected"), [((90,), True), ((30, 200), True)])
def test_one_or_two_levels_with_noise_are_two_shades(levels, expected):
    noise = chance().normal(0, 6, (500, 3))
    colours = np.repeat(np.resize(levels, 500)[:, None], 3, 1) + noise
    assert has_two_shades(colours.astype(np.float32)) == expected


def test_three_levels_are_not_two_shades():
    colours = np.repeat(np.resize([10.0, 120.0, 230.0], 300)[:, None], 3, 1)
    assert not has_two_shades(colours.astype(np.float32))


def test_another_outline_takes_the_place_and_is_filled_with_the_object():
    image = on_ground(disc(radius=10, centre=(32, 32)))
    bar = np.ones((4, 4), bool)
    after = is_red(reshaped(taken_apart(image), bar, (0.25, 0.5)))
    expected = np.zeros((64, 64), bool)
    expected[24:40, 16:48] = True
    assert_array_equal(after, expected)


def test_the_new_outline_has_the_texture_of_the_object():
    image, truth = scene(kind="square", texture="striped", tint=0.0)
    shades = {tuple(colour) for colour in np.asarray(image)[truth].tolist()}
    parts = taken_apart(image)
    after = np.asarray(reshaped(parts, disc(), (0.6, 0.6)))
    ground = {tuple(colour) for colour in np.asarray(image)[~truth].tolist()}
    inner = {tuple(colour) for colour in after.reshape(-1, 3).tolist()} - ground
    assert inner <= shades
    assert len(inner) >= 2


@pytest.mark.parametrize("place", [(0.0, 0.0), (0.1, 0.2)])
def test_marks_stay_where_they_are(place):
    image, _ = scene(mark="corner")
    parts = taken_apart(image)
    for after in (pasted(parts, 1.0, place), resized(parts, 2.0)):
        assert_array_equal(np.asarray(after)[:8, :8], np.asarray(image)[:8, :8])
