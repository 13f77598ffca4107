import inspect
import pickle

import numpy as np
import pytest

from seewhy.base.errors import UsageError
from seewhy.data.digits import CHANNELS, digit_indices, load_digit_glyphs
from seewhy.data.scenes import COLOURS, KINDS, draw_scene
from seewhy.data.segmentation.drawn import (
    DigitCollage,
    PictureTruth,
    digit_collages,
    draw_collage,
    drawn_scenes,
)


def scenes(words="colour", count=8, seed=0):
    return drawn_scenes(count, words, seed=seed)


@pytest.mark.parametrize("words", ["colour", "kind", "colour and kind"])
def test_each_mask_is_the_union_of_the_objects_that_its_words_describe(words):
    for record in scenes(words).records:
        scene = record.read_truth.picture
        drawn = draw_scene(scene, 64)
        truth = record.example().truth
        seen = [mask.any() for mask in drawn.masks]
        assert len(truth.present) <= sum(seen)
        for label in truth.present:
            said = record.class_names[label]
            told = [
                ("colour" not in words or f" {item.colour} " in said)
                and ("kind" not in words or said.endswith(item.kind))
                for item in scene.objects
            ]
            expected = drawn.masks[told].any(axis=0)
            np.testing.assert_array_equal(truth.mask(label), expected)


def test_all_objects_are_in_some_mask_and_equal_words_share_one():
    twins = 0
    for record in scenes(count=20).records:
        drawn = draw_scene(record.read_truth.picture, 64)
        truth = record.read_truth()
        union = np.any([truth.mask(label) for label in truth.present], axis=0)
        np.testing.assert_array_equal(union, drawn.masks.any(axis=0))
        twins += len(truth.present) < len(drawn.masks)
    assert twins


def test_scenes_have_two_or_three_objects_in_handwriting_of_the_held_out_split():
    pictures = [record.read_truth.picture for record in scenes(count=40).records]
    assert {len(picture.objects) for picture in pictures} == {2, 3}
    glyphs = {item.glyph for picture in pictures for item in picture.objects} - {None}
    assert glyphs <= set(digit_indices("held-out"))


def test_classes_are_phrases_of_every_word():
    assert scenes("colour").class_names[0] == "a photo of a red object"
    assert scenes("kind").class_names[-1] == "a photo of a digit with the value 9"
    both = scenes("colour and kind").class_names
    assert len(set(both)) == len(COLOURS) * len(KINDS)
    assert "a photo of a blue digit with the value 3" in both
    collages = digit_collages(1, "colour", seed=0).class_names
    assert collages == tuple(f"a photo of a {colour} digit" for colour in CHANNELS)
    assert len(digit_collages(1, "colour and value", seed=0).class_names) == 70


@pytest.mark.parametrize("source", [drawn_scenes, digit_collages])
def test_a_picture_depends_on_seed_and_number_alone(source):
    few, many = source(2, "colour", seed=3), source(5, "colour", seed=3)
    other = source(2, "colour", seed=4)
    for first, second, third in zip(few.records, many.records, other.records, strict=False):
        assert first.id == second.id != third.id
        assert first.read().tobytes() == second.read().tobytes() != third.read().tobytes()
        again = pickle.loads(pickle.dumps(first)).example()
        assert again.image.tobytes() == first.read().tobytes()
        assert again.truth.present == first.read_truth().present


def test_a_collage_has_four_colours_and_its_masks_lie_on_their_own_digit():
    for record in digit_collages(12, "colour and value", seed=1).records:
        collage = record.read_truth.picture
        assert len(set(collage.colours)) == len(set(collage.glyphs)) == 4
        assert set(collage.glyphs) <= set(digit_indices("held-out"))
        drawn = draw_collage(collage)
        for number, (mask, colour) in enumerate(zip(drawn.masks, collage.colours, strict=True)):
            rows, cols = np.nonzero(mask)
            assert {(row // 32) * 2 + col // 32 for row, col in zip(rows, cols, strict=True)} == {
                number
            }
            paint = 255 * np.array(CHANNELS[colour])
            behind = {"black": 10, "grey": 115}[collage.background]
            shown = drawn.pixels[mask].astype(float)
            assert (np.abs(shown - paint) <= np.abs(shown - behind) + 1).all()


def test_collages_asked_by_value_join_equal_digits():
    _, values = load_digit_glyphs()
    threes = [index for index in digit_indices("held-out") if values[index] == 3][:2]
    fives = [index for index in digit_indices("held-out") if values[index] == 5][:2]
    glyphs = (threes[0], fives[0], threes[1], fives[1])
    collage = DigitCollage(glyphs, ("red", "green", "blue", "white"), "black")
    truth = PictureTruth(collage, 64, (3, 5, 3, 5))()
    masks = draw_collage(collage).masks
    assert truth.present == (3, 5)
    np.testing.assert_array_equal(truth.mask(3), masks[0] | masks[2])
    for record in digit_collages(6, "value", seed=2).records:
        named = {record.class_names[label][-1] for label in record.read_truth().present}
        drawn = {str(values[glyph]) for glyph in record.read_truth.picture.glyphs}
        assert named == drawn


@pytest.mark.parametrize("source", [drawn_scenes, digit_collages])
def test_what_cannot_be_drawn_is_refused(source):
    with pytest.raises(UsageError, match="no words 'size'; there are"):
        inspect.unwrap(source)(3, "size", seed=0)
    with pytest.raises(UsageError, match="0 pictures"):
        source(0, "colour", seed=0)
