import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from seewhy.data.claims import attribute_claims, canonical_phrase, truth_table
from seewhy.data.digits import CHANNELS, digit_indices, draw_digit, load_digit_glyphs
from seewhy.data.scenes import DIGITS, draw_scene, random_scene
from seewhy.evaluation.zero_shot import (
    LabelledPictures,
    held_out_digits,
    held_out_scenes,
    zero_shot_accuracy,
)

GROUPS = {name: claims for name, claims in attribute_claims().items() if name != "count"}
SCENES = held_out_scenes(40, side=32)


def redrawn(images, seed=1):
    generator = np.random.default_rng([seed, 0xEA1])
    return [random_scene(generator, split="held-out") for _ in range(images)]


def test_the_truth_is_what_is_claimed_of_the_drawn_scene():
    scenes = redrawn(40)
    assert_array_equal(SCENES.pixels, np.stack([draw_scene(s, 32).pixels for s in scenes]))
    for group, claims in GROUPS.items():
        table = truth_table(scenes, list(claims.values()))
        is_known = SCENES.truth[group] >= 0
        if group == "texture":
            # Handwriting has no texture to speak of.
            is_digit = np.array([scene.objects[0].kind in DIGITS for scene in scenes])
            assert_array_equal(is_known, ~is_digit)
        else:
            assert_array_equal(is_known, table.any(axis=1))
        assert_array_equal(table.argmax(axis=1)[is_known], SCENES.truth[group][is_known])


def test_scenes_are_held_out_and_depend_on_the_seed():
    glyphs = {scene.objects[0].glyph for scene in redrawn(40)} - {None}
    assert glyphs <= set(digit_indices("held-out"))
    assert_array_equal(held_out_scenes(5, side=16).pixels, held_out_scenes(5, side=16).pixels)
    other = held_out_scenes(5, side=16, seed=2).pixels
    assert not np.array_equal(held_out_scenes(5, side=16).pixels, other)


def test_held_out_digits_are_all_of_them_in_their_colours():
    pictures = held_out_digits(side=8)
    indices = digit_indices("held-out")
    colours = list(attribute_claims()["colour"])
    assert len(pictures.pixels) == len(indices) == 599
    assert_array_equal(pictures.truth["value"], load_digit_glyphs()[1][list(indices)])
    for number in range(0, 599, 37):
        colour = colours[pictures.truth["colour"][number]]
        drawn = np.asarray(draw_digit(indices[number], colour, 8))
        assert_array_equal(pictures.pixels[number], drawn)
    assert {colours[number] for number in pictures.truth["colour"]} == set(CHANNELS)


def position_of(caption):
    """Group-free number of a caption, one axis of the joint space for each."""
    captions = [
        canonical_phrase(c) for group in attribute_claims().values() for c in group.values()
    ]
    return captions.index(caption)


def encode_texts(captions):
    return torch.eye(100)[[position_of(caption) for caption in captions]]


def oracle(pictures, *, wrong=0):
    """Sees the truth of every group, except in the first `wrong` pictures."""
    groups = GROUPS
    starts = np.cumsum([0, *(len(values) for values in groups.values())])
    images = torch.zeros(len(pictures.pixels), 100)
    for group, start in zip(groups, starts, strict=False):
        for row, value in enumerate(pictures.truth.get(group, [])):
            if value >= 0:
                shown = (value + 1) % len(groups[group]) if row < wrong else value
                images[row, start + shown] = 1.0
    return lambda _: images


def test_who_sees_the_truth_is_always_right_and_who_sees_the_next_value_never():
    scores = zero_shot_accuracy(SCENES, oracle(SCENES), encode_texts)
    assert scores == dict.fromkeys(GROUPS, 1.0)
    scores = zero_shot_accuracy(SCENES, oracle(SCENES, wrong=40), encode_texts)
    assert scores == dict.fromkeys(GROUPS, 0.0)


def test_only_pictures_with_a_known_value_count():
    scores = zero_shot_accuracy(SCENES, oracle(SCENES, wrong=10), encode_texts)
    for group, truth in SCENES.truth.items():
        known = truth >= 0
        assert scores[group] == pytest.approx((known & (np.arange(40) >= 10)).sum() / known.sum())


def test_a_group_that_is_nowhere_known_has_no_score():
    pictures = LabelledPictures(
        SCENES.pixels[:3], {"shape": np.array([-1, -1, -1]), "mark": np.array([0, -1, 2])}
    )
    assert zero_shot_accuracy(pictures, oracle(pictures), encode_texts) == {"mark": 1.0}
