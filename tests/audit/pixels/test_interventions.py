import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from, text
from numpy.testing import assert_array_equal
from PIL import Image

from seewhy.audit.pixels.interventions import (
    INTERVENTIONS,
    Intervention,
    blur,
    remove_colour,
    shuffle_patches,
    swap_red_green,
    turn_hue,
)

BY_NAME = {intervention.name: intervention for intervention in INTERVENTIONS}


def chance(seed=0):
    return np.random.default_rng(seed)


def random_image(seed=0, width=24, height=20):
    pixels = chance(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def changed(change, image, seed=0):
    return np.asarray(change(image, chance(seed)))


SIZES = sampled_from([(1, 1), (3, 50), (50, 3), (4, 4), (5, 7), (24, 20), (64, 64)])


@given(seed=integers(0, 2**16), size=SIZES, name=sampled_from(sorted(BY_NAME)))
@settings(max_examples=60, deadline=None)
def test_every_change_keeps_size_and_mode_and_the_given_image(seed, size, name):
    image = random_image(seed, *size)
    before = np.asarray(image).copy()
    after = BY_NAME[name].apply(image, seed=seed, sample="x")
    assert after.size == image.size
    assert after.mode == "RGB"
    assert_array_equal(np.asarray(image), before)


@given(seed=integers(0, 2**16))
def test_swapping_channels_twice_gives_the_image_back(seed):
    image = random_image(seed)
    pixels = np.asarray(image)
    once = swap_red_green(image, chance())
    assert_array_equal(np.asarray(once), pixels[:, :, [1, 0, 2]])
    assert_array_equal(np.asarray(swap_red_green(once, chance())), pixels)


@given(seed=integers(0, 2**16))
def test_grey_keeps_the_largest_channel_of_each_pixel_and_nothing_else(seed):
    image = random_image(seed)
    grey = changed(remove_colour, image)
    largest = np.asarray(image).max(axis=2)
    assert all((grey[:, :, channel] == largest).all() for channel in range(3))
    assert_array_equal(changed(remove_colour, Image.fromarray(grey)), grey)


@given(seed=integers(0, 2**16))
def test_turning_hues_keeps_value_and_chroma(seed):
    image = random_image(seed)
    before, after = np.asarray(image).astype(int), changed(turn_hue, image, seed).astype(int)
    assert np.abs(after.max(axis=2) - before.max(axis=2)).max() <= 1
    chroma = [pixels.max(axis=2) - pixels.min(axis=2) for pixels in (before, after)]
    assert np.abs(chroma[1] - chroma[0]).max() <= 3


def hue(pixels):
    """The hue of each pixel in degrees, by the hexagon's definition."""
    red, green, blue = (pixels[..., channel].astype(float) for channel in range(3))
    top, bottom = pixels.max(axis=-1).astype(float), pixels.min(axis=-1).astype(float)
    chroma = np.maximum(top - bottom, 1e-9)
    sector = np.select(
        [top == red, top == green],
        [(green - blue) / chroma % 6, (blue - red) / chroma + 2],
        (red - green) / chroma + 4,
    )
    return 60 * sector


@given(seed=integers(0, 2**16))
def test_all_hues_turn_by_one_angle_between_sixty_and_three_hundred_degrees(seed):
    image = random_image(seed)
    pixels = np.asarray(image)
    vivid = (pixels.max(axis=2).astype(int) - pixels.min(axis=2)) > 150
    turned = (hue(changed(turn_hue, image, seed)) - hue(pixels))[vivid] % 360
    assert np.ptp(turned) < 8
    assert 58 < np.median(turned) < 302


def test_hue_angles_differ_between_images_and_cover_their_range():
    red = Image.new("RGB", (1, 1), (255, 0, 0))
    turns = [float(hue(changed(turn_hue, red, seed))[0, 0]) for seed in range(300)]
    assert min(turns) < 65
    assert max(turns) > 295
    assert np.std(turns) == pytest.approx(240 / 12**0.5, rel=0.15)


@pytest.mark.parametrize("level", [0, 90, 255])
def test_grey_images_have_no_hue_to_turn_and_no_colour_to_remove(level):
    grey = Image.new("RGB", (9, 7), (level, level, level))
    for name in ("channel swap", "hue turn", "grey", "blur"):
        assert_array_equal(
            np.asarray(BY_NAME[name].apply(grey, seed=1, sample="a")), np.asarray(grey)
        )


def test_blur_spreads_a_point_over_a_tenth_of_the_shorter_side():
    pixels = np.zeros((101, 151, 3), dtype=np.uint8)
    pixels[50, 75] = 255
    # One point is too faint for 8 bits: a bar as long as the image keeps the profile visible.
    pixels[:, 75] = 255
    profile = changed(blur, Image.fromarray(pixels))[50, :, 0].astype(float)
    columns = np.arange(151) - 75
    deviation = np.sqrt((profile * columns**2).sum() / profile.sum())
    assert deviation == pytest.approx(10.1, rel=0.1)
    assert profile.sum() == pytest.approx(255, rel=0.15)


def test_blur_removes_a_checkerboard_and_keeps_halves_apart():
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    blurred = changed(blur, Image.fromarray(np.repeat(board[..., None], 3, axis=2)))
    assert np.ptp(blurred[20:44, 20:44].astype(int)) <= 6
    halves = np.zeros((64, 64, 3), dtype=np.uint8)
    halves[:, 32:] = 255
    blurred = changed(blur, Image.fromarray(halves))
    assert blurred[0, 0, 0] < 10
    assert blurred[0, 63, 0] > 245


def as_patches(pixels):
    height, width = pixels.shape[0] // 4, pixels.shape[1] // 4
    return [
        pixels[row * height : (row + 1) * height, col * width : (col + 1) * width].tobytes()
        for row in range(4)
        for col in range(4)
    ]


@given(seed=integers(0, 2**16), width=integers(4, 30), height=integers(4, 30))
@settings(max_examples=40)
def test_shuffling_moves_whole_patches_and_leaves_the_rest(seed, width, height):
    image = random_image(seed, width, height)
    before, after = np.asarray(image), changed(shuffle_patches, image, seed)
    assert sorted(as_patches(after)) == sorted(as_patches(before))
    assert_array_equal(after[4 * (height // 4) :], before[4 * (height // 4) :])
    assert_array_equal(after[:, 4 * (width // 4) :], before[:, 4 * (width // 4) :])
    for pixels in (before, after):
        assert pixels.shape == (height, width, 3)
    assert sorted(map(bytes, after.reshape(-1, 3))) == sorted(map(bytes, before.reshape(-1, 3)))


def test_every_patch_can_go_everywhere():
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    pixels[0, 0] = 255
    image = Image.fromarray(pixels)
    places = [int(changed(shuffle_patches, image, seed)[..., 0].argmax()) for seed in range(400)]
    counts = np.bincount(places, minlength=16)
    assert counts.min() > 5
    assert counts.max() < 60


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (9, 3)])
def test_an_image_too_small_for_patches_stays_as_it_is(size):
    image = random_image(0, *size)
    assert_array_equal(changed(shuffle_patches, image), np.asarray(image))


@pytest.mark.parametrize("name", ["hue turn", "patch shuffle"])
def test_chance_depends_on_the_seed_and_the_sample_alone(name):
    image = random_image()

    def after(seed, sample):
        return np.asarray(BY_NAME[name].apply(image, seed=seed, sample=sample))

    expected = after(1, "a.png")
    after(2, "b.png")
    assert_array_equal(after(1, "a.png"), expected)
    assert not np.array_equal(after(2, "a.png"), expected)
    assert not np.array_equal(after(1, "b.png"), expected)


def test_two_changes_of_one_image_are_drawn_independently():
    def draws(_image, generator):
        return Image.new("RGB", (1, 1), tuple(generator.integers(0, 256, 3).tolist()))

    image = random_image()
    first, second = (
        Intervention(name, "", draws).apply(image, seed=1, sample="a") for name in ("x", "y")
    )
    assert not np.array_equal(np.asarray(first), np.asarray(second))


@given(sample=text(max_size=20))
def test_any_sample_id_will_do(sample):
    image = random_image(0, 4, 4)
    once, twice = (
        np.asarray(BY_NAME["patch shuffle"].apply(image, seed=0, sample=sample)) for _ in range(2)
    )
    assert_array_equal(once, twice)


def test_an_id_from_an_undecodable_file_name_will_do():
    image = random_image(0, 4, 4)
    assert BY_NAME["hue turn"].apply(image, seed=0, sample="\udcff.png").size == (4, 4)


def test_names_are_unique_and_nothing_else_decides_what_they_do():
    assert len(BY_NAME) == len(INTERVENTIONS) == 5
    assert all(change.sentence and not change.facts for change in INTERVENTIONS)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_change_is_the_same_each_time_and_changes_something(name):
    image = random_image(4)
    once, twice = (np.asarray(BY_NAME[name].apply(image, seed=3, sample="a")) for _ in range(2))
    assert_array_equal(once, twice)
    assert np.abs(once.astype(int) - np.asarray(image)).max() > 10


def test_changes_travel_to_other_processes():
    image = random_image(5)
    for intervention in INTERVENTIONS:
        again = pickle.loads(pickle.dumps(intervention))
        assert_array_equal(
            np.asarray(again.apply(image, seed=1, sample="a")),
            np.asarray(intervention.apply(image, seed=1, sample="a")),
        )
