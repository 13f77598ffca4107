from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.audit.alternatives.planted_subjects import planted_subject, readings
from tests.audit.planted_readings import independent

from seewhy.audit.alternatives.keywords import Judged, bias_keywords, gaps

COLOUR, SHAPE = independent()
FIVE_WHERE_RIGHT = np.where(SHAPE > 0, "five", "eight").tolist()


def test_errors_that_go_with_a_colour_name_the_colour():
    answer = bias_keywords(planted_subject(COLOUR, SHAPE, (2, 0), labels=FIVE_WHERE_RIGHT))
    assert answer.dominant == "colour"
    # Wrongly classified fives are green, and the captions of green then gain 1 - (-1).
    assert answer.strength["colour"] == pytest.approx(2, abs=0.01)
    assert answer.p_values["colour"] == pytest.approx(0.01)
    assert answer.strength["shape"] == pytest.approx(0, abs=0.1)


def test_errors_at_random_name_nothing():
    generator = np.random.default_rng(2)
    subject = planted_subject(COLOUR, SHAPE, (0, 2), labels=FIVE_WHERE_RIGHT)
    wrong = generator.random(len(SHAPE)) < 0.3
    margin = np.where(wrong, -SHAPE, SHAPE)
    own = readings(
        subject.seen["yours"].embeddings, np.stack([margin, -margin], axis=1), FIVE_WHERE_RIGHT
    )
    answer = bias_keywords(replace(subject, yours=own))
    assert min(answer.p_values.values()) > 0.05


@pytest.mark.parametrize("labels", [None, FIVE_WHERE_RIGHT, ["strange"] * 200])
def test_without_labels_or_errors_there_is_no_answer(labels):
    answer = bias_keywords(planted_subject(COLOUR, SHAPE, (0, 2), labels=labels))
    assert answer.dominant is None
    assert np.isnan(list(answer.strength.values())).all()


def test_classes_are_compared_with_themselves_alone():
    # All errors are in the second class, whose images differ from those of the first.
    similarities = np.array([[0.0], [0.0], [0.5], [0.5], [0.25], [0.25]])
    judged = Judged(similarities, np.array([1, 0, 1, 1, 0, 0], bool), np.array([0, 0, 1, 1, 1, 1]))
    assert_allclose(gaps(judged, judged.wrong), [0.25])
    assert_allclose(gaps(judged, ~judged.wrong), [0.0])
