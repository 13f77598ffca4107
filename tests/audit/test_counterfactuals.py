import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binomtest
from tests.audit.planted_readings import CONCEPTS, MODEL, independent, planted

from seewhy.audit.counterfactuals import answer_flips, counterfactual_row, useful
from seewhy.audit.evidence import CONSTANT
from seewhy.audit.pixels.exchanges import EXCHANGES

IMAGES = 60
COLOUR, SHAPE = independent(IMAGES, seed=3)
EVERY_OTHER = np.where(np.arange(IMAGES) % 2, 1.0, -1.0)
RESAMPLES = np.random.default_rng(0).integers(IMAGES, size=(200, IMAGES))
TO_COLOUR, TO_SHAPE = "other_object_colour", "other_outline"


def by_colour(colour, _shape):
    return 40 * colour


def by_either(colour, shape):
    return 40 * colour + 30 * shape * EVERY_OTHER * (EVERY_OTHER > 0) * 2


def exchanged(decides, colour=COLOUR, shape=SHAPE, **versions):
    """Every other image takes another colour, or another shape, as an exchange would have it."""
    changed = {TO_COLOUR: (colour * EVERY_OTHER, shape), TO_SHAPE: (colour, shape * EVERY_OTHER)}
    return planted(
        colour,
        shape,
        decides(colour, shape),
        **{
            name: (*values, decides(*values[:2])) if len(values) == 2 else values
            for name, values in (versions or changed).items()
        },
    )


def row(readings, resamples=RESAMPLES):
    return counterfactual_row(readings, MODEL, CONCEPTS, resamples=resamples)


def test_the_names_of_this_file_are_those_of_exchanges():
    assert {name.replace("_", " ") for name in (TO_COLOUR, TO_SHAPE)} <= set(EXCHANGES)


def test_answers_that_follow_one_group_alone():
    found = row(exchanged(by_colour)).shares
    assert_allclose(found.points, [1.0, 0.0])
    assert_allclose(found.draws, np.broadcast_to([[1.0], [0.0]], (2, 200)))
    assert found.row.dominant == "colour"
    assert found.row.votes
    assert (found.known, found.constant) == ((True, True), (False, False))
    assert_allclose(found.p_values, [binomtest(30, 30, 0.05, "greater").pvalue, 1.0])
    assert [share.images for share in found.row.shares.values()] == [30, 30]
    assert "colour 30, shape 30" in found.row.note
    assert "0% of the answers flipped" in found.row.note


def test_a_share_is_flips_per_change_in_every_resample():
    readings = exchanged(by_either)
    found = row(readings)
    flips = found.flips
    for group in range(2):
        changed, flipped = flips.changed[group], flips.flipped[group]
        assert found.shares.points[group] == pytest.approx(flipped.sum() / changed.sum())
        for number, drawn in enumerate(RESAMPLES[:20]):
            expected = flipped[drawn].sum() / changed[drawn].sum()
            assert found.shares.draws[group, number] == pytest.approx(expected)
    estimate = found.shares.row.shares["shape"]
    assert estimate.low <= estimate.value <= estimate.high


def test_a_group_that_is_the_same_in_all_images_is_no_reason_and_no_gap():
    same = np.ones(IMAGES)
    found = row(exchanged(by_colour, shape=same)).shares
    assert (found.known, found.constant) == ((True, False), (False, True))
    assert found.row.shares["shape"].value is None
    assert found.row.shares["shape"].reason == CONSTANT
    assert found.p_values[1] == 1.0
    # Nothing can lead that is compared with nothing.
    assert found.row.dominant is None
    assert "Not varying in your images: shape." in found.row.note


def test_a_group_that_varies_but_cannot_be_changed_alone_is_not_measured():
    both = (COLOUR * EVERY_OTHER, SHAPE * EVERY_OTHER)
    found = row(exchanged(by_colour, other_object_colour=(both[0], SHAPE), other_size=both)).shares
    assert (found.known, found.constant) == ((True, False), (False, False))
    assert "could be given another value and nothing else" in found.row.shares["shape"].reason
    assert found.points[1] == 0


@pytest.mark.parametrize(("images", "votes"), [(19, False), (20, True)])
def test_too_few_images_cannot_vote(images, votes):
    colour, shape = (np.resize([1.0, -1.0, -1.0, 1.0], images) * sign for sign in (1, -1))
    readings = planted(colour, shape, colour, **{TO_COLOUR: (-colour, shape, -colour)})
    found = row(readings, np.zeros((200, images), dtype=int)).shares
    assert found.row.votes is votes
    assert found.row.note.startswith("No vote: too few images.") is not votes


def test_without_a_change_of_one_group_alone_there_is_no_vote():
    both = (-COLOUR, -SHAPE)
    for readings in (exchanged(by_colour, other_size=both), planted(COLOUR, SHAPE, COLOUR)):
        found = row(readings).shares
        assert not found.row.votes
        assert "could be given another value" in found.row.note
        assert found.known == (False, False)


def test_changes_of_the_whole_picture_fill_in_where_no_exchange_reaches():
    readings = exchanged(
        by_colour,
        other_object_colour=(COLOUR * EVERY_OTHER, SHAPE),
        hue_turn=(-COLOUR, SHAPE, 40 * COLOUR),
        patch_shuffle=(COLOUR, -SHAPE, 40 * COLOUR * EVERY_OTHER),
    )
    flips = answer_flips(readings, MODEL, CONCEPTS)
    # Colour was exchanged, so that the hues that were turned without effect do not count.
    assert_array_equal(flips.changed.sum(axis=1), [30, 60])
    assert_allclose(flips.shares, [1.0, 0.5])
    assert_allclose(row(readings).shares.points, [1.0, 0.5])


def test_answers_that_flip_without_a_change_are_what_chance_gives():
    readings = exchanged(
        by_colour,
        other_object_colour=(COLOUR * EVERY_OTHER, SHAPE),
        other_size=(COLOUR, SHAPE, -40 * COLOUR),
    )
    found = row(readings)
    # Half of the versions with another colour, and all with another size, changed nothing read.
    assert found.flips.placebo == pytest.approx(60 / 90)
    expected = binomtest(30, 30, 60 / 90, "greater").pvalue
    assert found.shares.p_values[0] == pytest.approx(expected)
    assert "67% of the answers flipped" in found.shares.row.note


@pytest.mark.parametrize(("share", "reaches"), [(0.1, True), (0.08, False)])
def test_a_change_is_useful_that_reaches_a_tenth_of_the_images_alone(share, reaches):
    sign = np.where(np.arange(IMAGES) < share * IMAGES, -1.0, 1.0)
    readings = planted(
        COLOUR,
        SHAPE,
        COLOUR,
        other_outline=(COLOUR, SHAPE * sign, COLOUR),
        other_size=(COLOUR * sign, SHAPE * sign, COLOUR),
        other_border=(COLOUR, SHAPE, COLOUR),
    )
    assert useful(readings, CONCEPTS) == ({"other outline"} if reaches else set())
