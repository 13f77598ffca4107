import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.audit.alternatives.planted_subjects import planted_subject, unrelated
from tests.audit.planted_readings import independent

from seewhy.audit.alternatives.directions import caption_moves, moves, probability_moved

COLOUR, SHAPE = independent()


@pytest.mark.parametrize(("weights", "reason"), [((4, 0), "colour"), ((0, 4), "shape")])
def test_moving_along_the_reason_moves_the_prediction(weights, reason):
    answer = caption_moves(planted_subject(COLOUR, SHAPE, weights), images="yours")
    other = {"colour": "shape", "shape": "colour"}[reason]
    # From a margin of 4 to one of -4, as two standard deviations are the distance of the values.
    assert answer.strength[reason] == pytest.approx(np.tanh(4 / 2), rel=0.03)
    assert answer.strength[other] < 0.05
    assert answer.dominant == reason


def test_a_constant_prediction_is_moved_by_nothing():
    answer = caption_moves(planted_subject(COLOUR, SHAPE, (0, 0)), images="probe")
    assert answer.dominant is None
    assert_allclose(list(answer.strength.values()), 0, atol=1e-12)


def test_without_a_map_there_is_no_answer():
    answer = caption_moves(unrelated(planted_subject(COLOUR, SHAPE, (4, 0))), images="yours")
    assert answer.dominant is None
    assert np.isnan(list(answer.strength.values())).all()


def test_every_other_value_is_visited_once_by_two_standard_deviations():
    embeddings = np.random.default_rng(0).normal(size=(40, 3)) * [1, 2, 3]
    directions = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]) - 1 / 3
    read = np.arange(40) % 3
    steps = moves(embeddings, directions, read=read)
    assert len(steps) == 2
    for image in range(40):
        own = set()
        for step in (each[image] for each in steps):
            unit = step / np.linalg.norm(step)
            assert np.linalg.norm(step) == pytest.approx(2 * (embeddings @ unit).std())
            assert unit[read[image]] == pytest.approx(-(0.5**0.5))
            own.add(int(unit.argmax()))
        assert own == {0, 1, 2} - {int(read[image])}


def test_captions_that_say_the_same_move_nothing():
    steps = moves(np.eye(4), np.zeros((4, 2)), read=np.array([0, 1, 0, 1]))
    assert_allclose(steps[0], 0)


def test_probability_moved_by_hand():
    logits = np.log([[0.75, 0.25], [0.5, 0.5]])
    turned = np.log([[0.25, 0.75], [0.5, 0.5]])
    assert probability_moved(logits, turned - logits) == pytest.approx(0.25)
    assert probability_moved(logits, np.full((2, 2), 3.0)) == pytest.approx(0)
