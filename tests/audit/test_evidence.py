from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import dictionaries, floats, sampled_from
from numpy.testing import assert_allclose, assert_array_equal
from tests.audit.planted_readings import (
    CONCEPTS,
    MODEL,
    independent,
    planted,
)

from seewhy.audit.evidence import (
    Resamples,
    concept_changes,
    decision_share,
    estimate,
    intervention_share,
    removes,
    share_of,
    silent,
    spread,
)

COLOUR, SHAPE = independent()
RESAMPLES = Resamples.draw(200, 200, resamples=200, seed=0).yours


def share(readings, name="decision-share", resamples=RESAMPLES, seed=0):
    return decision_share(readings, MODEL, CONCEPTS, resamples=resamples, name=name, seed=seed)


@pytest.mark.parametrize("reason", ["colour", "shape"])
def test_the_planted_reason_is_found(reason):
    margin = 2 * {"colour": COLOUR, "shape": SHAPE}[reason]
    found = share(planted(COLOUR, SHAPE, margin))
    assert found.row.votes
    assert found.row.dominant == reason
    expected = np.array([reason == "colour", reason == "shape"], dtype=float)
    assert_allclose(found.points, expected, atol=0.02)
    assert found.known == (True, True)
    assert "100%" in found.row.note


def test_a_decision_of_two_reasons_is_shared_in_proportion_to_their_variance():
    # Small margins keep the probabilities linear in them.
    found = share(planted(COLOUR, SHAPE, 0.1 * (2 * COLOUR + SHAPE)))
    assert_allclose(found.points, [0.8, 0.2], atol=0.05)
    assert found.row.dominant == "colour"
    estimates = found.row.shares["colour"]
    assert estimates.low < estimates.value < estimates.high
    assert estimates.images == 200


def test_equal_reasons_give_no_dominant_group():
    found = share(planted(COLOUR, SHAPE, 0.1 * (COLOUR + SHAPE)))
    assert found.row.votes
    assert found.row.dominant is None


def test_images_in_which_the_groups_go_together_cannot_vote_and_are_named():
    found = share(planted(COLOUR, COLOUR, 2 * COLOUR))
    assert not found.row.votes
    assert found.row.dominant is None
    assert "cannot separate colour and shape" in found.row.note
    assert_allclose(found.points, [0.0, 0.0], atol=0.01)


def test_answers_that_captions_do_not_explain_cannot_vote():
    noise = np.random.default_rng(5).normal(size=200)
    found = share(planted(COLOUR, SHAPE, noise))
    assert not found.row.votes
    assert "the captions explain 0%" in found.row.note
    assert "less than 10%" in found.row.note


@pytest.mark.parametrize("margin", [0.0, 3.0, 60.0])
def test_answers_that_never_vary_cannot_vote(margin):
    found = share(planted(COLOUR, SHAPE, np.full(200, margin)))
    assert not found.row.votes
    assert found.row.note == "No vote: the answers never vary."
    assert found.row.shares["colour"].value is None


@pytest.mark.parametrize("images", [0, 1, 19])
def test_too_few_images_cannot_vote(images):
    colour, shape = independent(images)
    resamples = np.zeros((200, images), dtype=int)
    found = share(planted(colour, shape, colour), resamples=resamples)
    assert not found.row.votes
    assert found.row.note == "No vote: too few images."
    assert set(found.row.shares) == {"colour", "shape"}


def test_the_row_says_on_which_images_it_was_measured():
    readings = planted(COLOUR, SHAPE, COLOUR)
    assert share(readings).row.images == "yours"
    assert share(readings, name="probe-share").row.images == "probe"
    assert silent("probe-share", ["colour"], "too few images").row.images == "probe"
    assert silent("interventions", ["colour"], "too few images").row.images == "yours"


def test_a_row_depends_on_the_seed_alone():
    readings = planted(COLOUR, SHAPE, 0.1 * (2 * COLOUR + SHAPE))
    first, again, other = (share(readings, seed=seed) for seed in (1, 1, 2))
    assert first.row == again.row
    assert_array_equal(first.draws, again.draws)
    assert not np.array_equal(first.points, other.points)


def test_spread_is_the_variance_of_the_probabilities():
    assert spread(np.array([[1.0, 0.0], [0.0, 1.0]])) == pytest.approx(0.5)
    assert spread(np.array([[0.7, 0.3], [0.7, 0.3]])) == pytest.approx(0.0)
    certain, doubtful = (planted(COLOUR, SHAPE, times * COLOUR) for times in (40, 0.01))
    assert spread(certain.probabilities(MODEL)) == pytest.approx(0.5, abs=0.01)
    assert spread(doubtful.probabilities(MODEL)) < 1e-4


def test_resamples_belong_to_their_image_sets_and_depend_on_the_seed():
    drawn = Resamples.draw(30, 7, resamples=50, seed=1)
    assert drawn.yours.shape == (50, 30)
    assert drawn.probe.shape == (50, 7)
    assert drawn.probe.max() == 6
    assert_array_equal(drawn.yours, Resamples.draw(30, 7, resamples=50, seed=1).yours)
    assert not np.array_equal(drawn.yours, Resamples.draw(30, 7, resamples=50, seed=2).yours)


FLIPPED = np.random.default_rng(8).permutation


def changed_readings(margin):
    """A turn of the colours, a shuffle of the shapes, a blur of both and a change of nothing."""
    colours, shapes = FLIPPED(COLOUR), FLIPPED(SHAPE)
    return planted(
        COLOUR,
        SHAPE,
        margin(COLOUR, SHAPE),
        colour_turn=(colours, SHAPE, margin(colours, SHAPE)),
        shape_shuffle=(COLOUR, shapes, margin(COLOUR, shapes)),
        blur=(colours, shapes, margin(colours, shapes)),
        nothing=(COLOUR, SHAPE, margin(COLOUR, SHAPE)),
    )


VARIANTS = ("colour turn", "shape shuffle", "blur", "nothing")


def intervened(readings, variants=VARIANTS, resamples=RESAMPLES):
    changes = concept_changes(readings, CONCEPTS, variants)
    return intervention_share(readings, MODEL, CONCEPTS, changes=changes, resamples=resamples)


def test_what_a_change_removes_is_read_by_the_encoder():
    readings = changed_readings(lambda *values: values[0])
    changes = concept_changes(readings, CONCEPTS, VARIANTS)
    assert changes["nothing"] == {"colour": 0.0, "shape": 0.0}
    assert changes["colour turn"]["colour"] == pytest.approx(1, abs=0.2)
    assert changes["colour turn"]["shape"] == 0.0
    names = [removes(changes[variant]) for variant in VARIANTS]
    assert names == ["colour", "shape", None, None]


@given(changes=dictionaries(sampled_from("abc"), floats(0, 1), min_size=2))
def test_a_change_removes_a_group_only_if_it_is_strong_and_alone(changes):
    removed = removes(changes)
    strong = [
        group
        for group, change in changes.items()
        if change >= 0.3
        and all(change >= 2 * other for name, other in changes.items() if name != group)
    ]
    assert removed == (strong[0] if strong else None)


@pytest.mark.parametrize("reason", ["colour", "shape"])
def test_only_changes_of_the_planted_reason_change_the_decision(reason):
    position = ["colour", "shape"].index(reason)
    found = intervened(changed_readings(lambda *values: 40 * values[position]))
    assert found.row.votes
    assert found.row.dominant == reason
    assert found.points[position] == pytest.approx(1, abs=0.15)
    assert found.points[1 - position] == 0.0
    assert found.known == (True, True)
    assert "colour: colour turn; shape: shape shuffle" in found.row.note


def test_a_group_that_no_change_removes_alone_is_unknown_and_not_zero():
    readings = changed_readings(lambda colour, shape: 40 * shape + colour)
    found = intervened(readings, ("colour turn", "blur"))
    assert found.known == (True, False)
    assert found.row.votes
    assert found.row.shares["shape"].value is None
    assert "No test of shape" in found.row.note
    # Nothing can lead that is compared with nothing.
    assert found.row.dominant is None


def test_changes_of_one_group_are_averaged():
    colours = FLIPPED(COLOUR)
    readings = planted(
        COLOUR,
        SHAPE,
        40 * COLOUR,
        swap=(-COLOUR, SHAPE, 40 * COLOUR),
        turn=(-COLOUR, SHAPE, 40 * COLOUR),
        grey=(colours, SHAPE, -40 * COLOUR),
    )
    found = intervened(readings, ("swap", "turn", "grey"))
    assert found.points[0] == pytest.approx(1 / 3, abs=1e-6)
    assert_allclose(found.draws[0], 1 / 3, atol=1e-6)


def test_without_a_selective_change_or_with_too_few_images_there_is_no_vote():
    readings = changed_readings(lambda *values: values[0])
    nothing = intervened(readings, ("blur", "nothing"))
    assert nothing.row.note == "No vote: no intervention changes one group alone."
    few = replace(readings, records=readings.records[:19])
    assert intervened(few).row.note == "No vote: too few images."


def test_an_effect_is_never_more_than_one():
    readings = planted(COLOUR, SHAPE, 40 * COLOUR, swap=(-COLOUR, SHAPE, -40 * COLOUR))
    found = intervened(readings, ("swap",))
    assert found.points[0] == 1.0
    assert found.draws.max() <= 1.0


def test_an_estimate_has_the_middle_95_per_cent_of_its_draws():
    draws = np.linspace(0, 1, 1001)
    found = estimate(0.5, draws, 7)
    assert (found.value, found.low, found.high) == (0.5, pytest.approx(0.025), pytest.approx(0.975))
    assert found.images == 7


def test_the_share_of_flags_is_their_mean_and_its_interval_that_of_the_binomial():
    flags = np.arange(100) < 30
    resamples = np.random.default_rng(0).integers(100, size=(2000, 100))
    found = share_of(flags, resamples)
    assert found.value == pytest.approx(0.3)
    half = 1.96 * np.sqrt(0.3 * 0.7 / 100)
    assert (found.low, found.high) == (
        pytest.approx(0.3 - half, abs=0.015),
        pytest.approx(0.3 + half, abs=0.015),
    )
    assert found.images == 100


def test_no_images_have_no_share():
    found = share_of(np.zeros(0), np.zeros((10, 0), dtype=int))
    assert found.value is None
    assert found.reason == "no images"
