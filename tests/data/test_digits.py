import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers, sampled_from
from numpy.testing import assert_array_equal
from sklearn.datasets import load_digits

from seewhy.base.errors import UsageError
from seewhy.data.digits import (
    CHANNELS,
    DigitExperiment,
    digit_indices,
    draw_digit,
    enlarge_glyph,
    load_digit_glyphs,
)

FIVES_AND_EIGHTS = DigitExperiment()


def test_glyphs_are_the_digits_of_scikit_learn_on_the_scale_of_bytes():
    glyphs, values = load_digit_glyphs()
    source = load_digits()
    assert glyphs.shape == (1797, 8, 8)
    assert glyphs.min() == 0
    assert glyphs.max() == 255
    assert np.abs(glyphs / 255 - source.images / 16).max() <= 0.5 / 255 + 1e-9
    assert_array_equal(values, source.target)


def test_the_splits_are_disjoint_complete_and_a_third_is_held_out():
    train, held_out = digit_indices("train"), digit_indices("held-out")
    assert sorted(train + held_out) == list(range(1797))
    assert len(held_out) == 599


def test_both_splits_hold_every_value_in_like_shares():
    _, values = load_digit_glyphs()
    shares = [np.bincount(values[list(digit_indices(s))]) for s in ("train", "held-out")]
    assert np.abs(shares[0] / shares[0].sum() - shares[1] / shares[1].sum()).max() < 0.03


def test_enlarging_to_the_same_size_changes_nothing_and_a_flat_glyph_stays_flat():
    glyph = load_digit_glyphs()[0][0]
    assert_array_equal(enlarge_glyph(glyph, 8), glyph.astype(np.float32) / 255)
    flat = enlarge_glyph(np.full((8, 8), 51, dtype=np.uint8), 20)
    assert_array_equal(flat, np.full((20, 20), np.float32(0.2)))


@given(
    index=integers(0, 1796), colour=sampled_from(sorted(CHANNELS)), side=sampled_from([8, 31, 64])
)
def test_a_digit_is_written_into_the_channels_of_its_colour_and_no_others(index, colour, side):
    image = draw_digit(index, colour, side)
    assert image.mode == "RGB"
    assert image.size == (side, side)
    ink = np.round(enlarge_glyph(load_digit_glyphs()[0][index], side) * 255).astype(np.uint8)
    for channel, is_written in enumerate(CHANNELS[colour]):
        assert_array_equal(np.asarray(image)[:, :, channel], ink * is_written)


def test_each_colour_is_another_set_of_channels():
    assert len(set(CHANNELS.values())) == len(CHANNELS)
    assert (0, 0, 0) not in CHANNELS.values()


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_records_are_all_digits_of_the_wanted_values(split):
    _, values = load_digit_glyphs()
    records = FIVES_AND_EIGHTS.records(split, "label")
    wanted = [index for index in digit_indices(split) if values[index] in (5, 8)]
    assert [record.id[:10] for record in records] == [f"digit-{index:04d}" for index in wanted]
    assert [record.label for record in records] == [str(values[index]) for index in wanted]
    assert FIVES_AND_EIGHTS.classes == ("5", "8")


def test_colour_goes_with_the_label_or_stays_away():
    for record in FIVES_AND_EIGHTS.records("held-out", "label"):
        assert record.attributes["colour"] == {"5": "red", "8": "green"}[record.label]
    for record in FIVES_AND_EIGHTS.records("held-out", "grey"):
        assert record.attributes["colour"] == "white"


def test_random_colours_do_not_tell_the_value():
    records = FIVES_AND_EIGHTS.records("train", "random")
    for value in ("5", "8"):
        colours = [r.attributes["colour"] for r in records if r.attributes["value"] == value]
        assert set(colours) == {"red", "green"}
        assert abs(np.mean([colour == "red" for colour in colours]) - 0.5) < 0.15


def test_random_colours_depend_on_the_seed_and_the_digit_alone():
    first = FIVES_AND_EIGHTS.records("train", "random", seed=7)
    again = DigitExperiment(colours={8: "green", 5: "red", 1: "red"}, side=16)
    other = FIVES_AND_EIGHTS.records("train", "random", seed=8)
    assert [r.id for r in first] == [
        r.id for r in FIVES_AND_EIGHTS.records("train", "random", seed=7)
    ]
    assert [r.id for r in first] != [r.id for r in other]
    flipped = {"red": "green", "green": "red"}
    by_digit = {r.id[:10]: r.attributes["colour"] for r in again.records("train", "random", seed=7)}
    # The order of the colours is that of the experiment; the draw itself is the same.
    assert all(by_digit[r.id[:10]] == flipped[r.attributes["colour"]] for r in first)


@pytest.mark.parametrize("colouring", ["label", "random", "grey"])
def test_a_record_reads_the_picture_that_its_attributes_name(colouring):
    for record in FIVES_AND_EIGHTS.records("held-out", colouring)[:20]:
        index = int(record.id.split("-")[1])
        drawn = draw_digit(index, record.attributes["colour"], 64)
        assert_array_equal(np.asarray(record.read()), np.asarray(drawn))
        assert load_digit_glyphs()[1][index] == int(record.attributes["value"])


def test_record_ids_are_unique():
    ids = [record.id for record in FIVES_AND_EIGHTS.records("train", "random")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("colours", "message"),
    [
        ({5: "red", 10: "green"}, "digit 10 in 'green'.*0 to 9"),
        ({5: "red", 8: "mauve"}, "digit 8 in 'mauve'.*red, green"),
        ({5: "red"}, "at least two"),
        ({}, "at least two"),
    ],
)
def test_an_experiment_that_cannot_be_made_is_refused(colours, message):
    with pytest.raises(UsageError, match=message):
        DigitExperiment(colours=colours)
