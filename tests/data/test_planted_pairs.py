from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from seewhy.base.errors import UsageError
from seewhy.data.digits import digit_indices, load_digit_glyphs
from seewhy.data.planted_pairs import digit_pairs, scene_pairs
from seewhy.data.scenes import DIGITS

SCENES = scene_pairs(200, seed=3)
DIGIT_PAIRS = digit_pairs(100, seed=3)


def shared_objects(pair):
    return pair.first.objects[pair.places[0]], pair.second.objects[pair.places[1]]


def others(scene, place):
    return [*scene.objects[:place], *scene.objects[place + 1 :]]


def quarter(centre):
    return tuple(coordinate > 0.5 for coordinate in centre)


def test_the_shared_object_is_the_same_but_for_place_turn_and_a_little_of_its_size():
    for pair in SCENES:
        first, second = shared_objects(pair)
        assert replace(first, centre=(0.0, 0.0), angle=0.0, radius=1.0) == replace(
            second, centre=(0.0, 0.0), angle=0.0, radius=1.0
        )
        assert abs(second.radius / first.radius - 1) <= 0.05
        assert quarter(first.centre) != quarter(second.centre)


def test_nothing_else_is_in_both_scenes():
    for pair in SCENES:
        shared = shared_objects(pair)[0]
        sides = []
        for scene, place in zip((pair.first, pair.second), pair.places, strict=True):
            rest = others(scene, place)
            assert 1 <= len(rest) <= 2
            sides.append(
                {
                    *(each.kind for each in rest),
                    *(f"ink {each.colour}" for each in rest),
                    *(each.texture for each in rest),
                    f"ink {scene.background_colour}",
                    scene.background_texture,
                    f"mark {scene.mark}",
                }
            )
        own = {shared.kind, f"ink {shared.colour}", shared.texture}
        assert not sides[0] & sides[1]
        assert not own & (sides[0] | sides[1])


def test_each_object_lies_in_a_quarter_of_its_own_and_digits_are_plain_and_held_out():
    held_out = set(digit_indices("held-out"))
    objects = [
        each for pair in SCENES for scene in (pair.first, pair.second) for each in scene.objects
    ]
    digits = [each for each in objects if each.kind in DIGITS]
    assert digits
    assert all(each.texture == "plain" and each.glyph in held_out for each in digits)
    for pair in SCENES:
        for scene in (pair.first, pair.second):
            quarters = [quarter(each.centre) for each in scene.objects]
            assert len(set(quarters)) == len(quarters)


def test_kinds_textures_and_places_of_the_shared_object_vary():
    shared = [shared_objects(pair)[0] for pair in SCENES]
    assert len({each.kind for each in shared}) > 12
    assert {each.texture for each in shared} == {"plain", "striped", "dotted", "checkered"}
    assert {pair.places[0] for pair in SCENES} == {0, 1, 2}
    assert {quarter(each.centre) for each in shared} == {(a, b) for a in (0, 1) for b in (0, 1)}


def test_digit_collages_share_one_handwritten_digit_and_no_other_value_or_colour():
    _, values = load_digit_glyphs()
    for pair in DIGIT_PAIRS:
        places = zip((pair.first, pair.second), pair.places, strict=True)
        first, second = ((each.glyphs[place], each.colours[place]) for each, place in places)
        assert first == second
        assert pair.places[0] != pair.places[1]
        for of in (lambda each: each.colours, lambda each: [int(values[g]) for g in each.glyphs]):
            assert len(set(of(pair.first)) & set(of(pair.second))) == 1
        assert {pair.first.background, pair.second.background} == {"black", "grey"}


@pytest.mark.parametrize("pairs", [SCENES, DIGIT_PAIRS])
def test_masks_stand_out_from_what_is_around_them(pairs):
    for pair in pairs[:10]:
        drawn = pair.draw(48)
        for picture, mask in zip((drawn.first, drawn.second), drawn.masks, strict=True):
            assert mask.shape == (48, 48)
            assert 20 < mask.sum() < 48 * 48 / 3
            inside, outside = picture.pixels[mask].mean(axis=0), picture.pixels[~mask].mean(axis=0)
            assert np.abs(inside - outside).max() > 8
        assert [image.size for image in drawn.images] == [(48, 48)] * 2


@pytest.mark.parametrize("make", [scene_pairs, digit_pairs])
def test_a_pair_depends_on_its_number_and_seed_alone(make):
    assert make(5, seed=1)[2] == make(3, seed=1)[2]
    assert make(3, seed=1) != make(3, seed=2)
    assert_array_equal(make(1)[0].draw().first.pixels, make(1)[0].draw().first.pixels)
    with pytest.raises(UsageError, match="at least 1"):
        make(0)
