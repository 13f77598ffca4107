import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from tests.audit.pixels.pictures import EMPTY, chance, disc, on_ground, overlap, scene

from seewhy.audit.pixels.foreground import separated
from seewhy.data.scenes import draw_scene, random_scene


def foreground_mask(image):
    return separated(image).foreground


def test_an_object_on_a_plain_ground_is_found_exactly_but_for_its_rim():
    truth = disc()
    assert overlap(foreground_mask(on_ground(truth)), truth) > 0.97


def test_the_background_seen_through_a_ring_is_no_object():
    truth = disc(hole=7)
    found = foreground_mask(on_ground(truth))
    assert overlap(found, truth) > 0.93
    assert not found[30, 36]


def test_colours_do_not_matter_but_their_difference_does():
    truth = disc()
    for colour, ground in [((0, 0, 0), (255, 255, 255)), ((255, 255, 255), (120, 120, 120))]:
        assert overlap(foreground_mask(on_ground(truth, colour=colour, ground=ground)), truth) > 0.9


@pytest.mark.parametrize("background", ["striped", "dotted", "checkered"])
@pytest.mark.parametrize("texture", ["plain", "striped", "dotted", "checkered"])
def test_both_shades_of_a_texture_belong_to_its_layer(background, texture):
    image, truth = scene(texture=texture, background_texture=background)
    assert overlap(foreground_mask(image), truth) > 0.85


@pytest.mark.parametrize("mark", ["frame", "corner"])
def test_a_mark_is_neither_foreground_nor_background(mark):
    image, truth = scene(mark=mark)
    layers = separated(image)
    assert overlap(layers.foreground, truth) > 0.9
    assert layers.marks[1, 1]
    assert not layers.marks[20, 20]
    total = layers.foreground.astype(int) + layers.background + layers.marks
    assert_array_equal(total, np.ones((64, 64), dtype=int))


def test_random_scenes_are_taken_apart_well_on_every_background():
    generator = chance(5)
    overlaps = {}
    for _ in range(120):
        drawn_from = random_scene(generator)
        drawn = draw_scene(drawn_from)
        value = overlap(foreground_mask(drawn.image), drawn.masks[0])
        overlaps.setdefault(drawn_from.background_texture, []).append(value)
    assert np.mean(overlaps.pop("plain")) > 0.85
    assert all(np.mean(values) > 0.75 for values in overlaps.values())


def test_of_a_picture_without_an_object_nothing_is_found():
    assert not foreground_mask(EMPTY).any()
    noise = chance().integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert not foreground_mask(Image.fromarray(noise)).any()


def test_what_is_too_small_or_too_large_is_no_object():
    assert not foreground_mask(on_ground(disc(radius=2))).any()
    assert not foreground_mask(on_ground(disc(radius=31.5, centre=(32, 32)))).any()


def test_small_specks_beside_an_object_are_left_out():
    speck = disc(radius=4, centre=(54, 10))
    found = foreground_mask(on_ground(disc() | speck))
    assert not found[54, 10]
    assert overlap(found, disc()) > 0.95


def test_two_objects_of_like_size_are_both_found():
    both = disc(radius=9, centre=(32, 16)) | disc(radius=8, centre=(32, 46))
    assert overlap(foreground_mask(on_ground(both)), both) > 0.93


def test_large_pictures_are_taken_apart_at_their_own_size():
    truth = disc(300, radius=70, centre=(140, 160))
    image = on_ground(truth)
    assert foreground_mask(image).shape == (300, 300)
    assert overlap(foreground_mask(image), truth) > 0.97
    wide = image.resize((600, 300))
    assert foreground_mask(wide).shape == (300, 600)


def test_of_photographs_a_plausible_part_is_found():
    from skimage import data

    camera = Image.fromarray(data.camera()).convert("RGB")
    found = foreground_mask(camera)
    assert 0.1 < found.mean() < 0.5
    assert found[256, 140]
    assert not found[60, 440]


def test_a_busy_border_leaves_the_middle_to_tell():
    from skimage import data

    found = foreground_mask(Image.fromarray(data.chelsea()))
    assert 0.1 < found.mean() < 0.5
    assert found[150, 225]
    assert not found[[0, -1]].any()


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (15, 15), (16, 40)])
def test_any_size_will_do(size):
    pixels = chance().integers(0, 256, (*size, 3), dtype=np.uint8)
    assert foreground_mask(Image.fromarray(pixels)).shape == size
