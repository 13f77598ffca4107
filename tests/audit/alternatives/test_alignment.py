from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.audit.alternatives.planted_subjects import planted_subject, unrelated
from tests.audit.planted_readings import MODEL, independent

from seewhy.audit.alternatives.alignment import (
    cosines,
    covariance,
    decision_covariance,
    total_spread,
    weight_alignment,
)
from seewhy.audit.readings import ORIGINAL

COLOUR, SHAPE = independent()


@pytest.mark.parametrize("images", ["yours", "probe"])
@pytest.mark.parametrize(("weights", "reason"), [((2, 0), "colour"), ((0, 2), "shape")])
def test_the_planted_reason_is_named(weights, reason, images):
    subject = planted_subject(COLOUR, SHAPE, weights)
    aligned = weight_alignment(subject, images=images)
    varying = decision_covariance(subject, images=images)
    other = {"colour": "shape", "shape": "colour"}[reason]
    assert aligned.dominant == varying.dominant == reason
    assert aligned.strength[reason] > 0.95
    assert aligned.strength[other] < 0.1
    assert varying.p_values[reason] == pytest.approx(0.01)
    assert varying.p_values[other] > 0.01


def test_a_margin_of_one_value_covaries_by_its_own_spread():
    # Logits (m, -m) / 2 and contrasts (c, -c), each of variance 1: four covariances of 1/2 * cov.
    subject = planted_subject(COLOUR, SHAPE, (1, 0), noise=0.0)
    spread = COLOUR.std()
    wanted = 4**0.5 * (spread**2 / 2) / (2**0.5 * spread)
    assert decision_covariance(subject, images="yours").strength["colour"] == pytest.approx(
        wanted, rel=0.02
    )


def test_what_all_classes_gain_alike_is_no_decision():
    subject = planted_subject(COLOUR, SHAPE, (1, 0))
    logits = subject.logits("yours") + 5 * SHAPE[:, None]
    shifted = replace(
        subject, yours=replace(subject.yours, logits={MODEL: {ORIGINAL: logits.astype(np.float32)}})
    )
    assert_allclose(
        list(decision_covariance(shifted, images="yours").strength.values()),
        list(decision_covariance(subject, images="yours").strength.values()),
        rtol=1e-5,
    )


def test_twice_the_logits_are_twice_the_covariance_and_the_same_direction():
    once, twice = (planted_subject(COLOUR, SHAPE, (size, size / 2)) for size in (1, 2))
    for group in ("colour", "shape"):
        assert decision_covariance(twice, images="yours").strength[group] == pytest.approx(
            2 * decision_covariance(once, images="yours").strength[group], rel=1e-5
        )
        assert weight_alignment(twice, images="yours").strength[group] == pytest.approx(
            weight_alignment(once, images="yours").strength[group], rel=1e-5
        )


@pytest.mark.parametrize("reading", [weight_alignment, decision_covariance])
def test_without_a_map_there_is_no_answer(reading):
    answer = reading(unrelated(planted_subject(COLOUR, SHAPE, (1, 0))), images="yours")
    assert answer.dominant is None
    assert np.isnan(list(answer.strength.values())).all()


def test_cosines_by_hand():
    first, second = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[2.0, 0.0], [-4.0, 3.0]])
    assert_allclose(cosines(first, second), [[0.6, 0.0], [0.0, 0.0]], atol=1e-12)


def test_covariance_by_hand():
    told = np.array([[[1.0], [-1.0]], [[-1.0], [1.0]]])
    outcomes = np.array([[3.0, 4.0], [1.0, 0.0]])
    assert_allclose(covariance(told, outcomes), [5**0.5, 5**0.5])
    assert_allclose(covariance(told, outcomes, beside=np.array([[-2.0, -4.0]])), [0, 20**0.5])
    assert total_spread(np.array([[0.0, 0.0], [6.0, 8.0]])) == 5
