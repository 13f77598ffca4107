import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, sampled_from
from numpy.testing import assert_array_equal
from scipy.ndimage import binary_dilation, binary_erosion

from seewhy.base.errors import UsageError
from seewhy.data.attributes import ATTRIBUTES, attribute_caption, attribute_values, scene_of
from seewhy.data.scenes import DIGITS, draw_scene

VALUES = {
    "shape": "square",
    "colour": "red",
    "texture": "striped",
    "size": "medium",
    "position": "left",
    "background colour": "blue",
    "background texture": "dotted",
    "mark": "none",
}


def drawn(values, seed=3, tint=0.15):
    return draw_scene(scene_of(values, seed, split="train", tint=tint))


@given(seed=integers(0, 2**20), attribute=sampled_from(("colour", "texture")))
@settings(max_examples=15)
def test_a_change_of_the_object_leaves_every_other_pixel_as_it_was(seed, attribute):
    other = {"colour": "yellow", "texture": "plain"}[attribute]
    one, two = drawn(VALUES, seed), drawn({**VALUES, attribute: other}, seed)
    assert_array_equal(one.masks, two.masks)
    # The edge of the object is a mixture of both layers.
    untouched = ~binary_dilation(one.masks[0], np.ones((3, 3)))
    assert_array_equal(one.pixels[untouched], two.pixels[untouched])
    assert (one.pixels[one.masks[0]] != two.pixels[two.masks[0]]).mean() > 0.1


@given(seed=integers(0, 2**20), attribute=sampled_from(("background colour", "background texture")))
@settings(max_examples=15)
def test_a_change_of_the_background_leaves_the_object_as_it_was(seed, attribute):
    other = {"background colour": "green", "background texture": "checkered"}[attribute]
    one, two = drawn(VALUES, seed), drawn({**VALUES, attribute: other}, seed)
    assert_array_equal(one.masks, two.masks)
    inner = binary_erosion(one.masks[0], np.ones((3, 3)))
    assert_array_equal(one.pixels[inner], two.pixels[inner])


@given(seed=integers(0, 2**20))
@settings(max_examples=10)
def test_size_and_place_differ_within_their_range_and_keep_the_turn(seed):
    small, large = (
        scene_of({**VALUES, "size": size}, seed, split="train").objects[0]
        for size in ("small", "large")
    )
    assert small.angle == large.angle
    assert small.radius < 0.17
    assert large.radius > 0.3
    right = scene_of({**VALUES, "position": "right"}, seed, split="train").objects[0]
    left = scene_of(VALUES, seed, split="train").objects[0]
    assert left.centre[0] < 0.45
    assert right.centre[0] > 0.55
    assert right.radius == left.radius


def test_a_digit_comes_from_the_handwriting_of_its_split():
    digits = {**VALUES, "shape": "7", "texture": "plain"}
    glyphs = {
        split: {scene_of(digits, seed, split=split).objects[0].glyph for seed in range(60)}
        for split in ("train", "held-out")
    }
    assert not glyphs["train"] & glyphs["held-out"]
    assert min(map(len, glyphs.values())) > 20


def test_every_value_has_a_caption_of_its_own():
    captions = [attribute_caption(a, value) for a in ATTRIBUTES for value in attribute_values(a)]
    assert len(set(captions)) == len(captions)
    assert attribute_caption("shape", "7") == "a photo of a digit with the value 7"
    assert set(DIGITS) < set(attribute_values("shape"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**VALUES, "colour": "brown"}, "colour is 'brown'"),
        ({k: v for k, v in VALUES.items() if k != "mark"}, "mark is None"),
        ({**VALUES, "mood": "gloomy"}, "no attribute mood"),
    ],
)
def test_unknown_values_are_refused(values, message):
    with pytest.raises(UsageError, match=message):
        scene_of(values, 0, split="train")
