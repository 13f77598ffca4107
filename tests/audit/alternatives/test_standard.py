from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.audit.alternatives.planted_subjects import planted_subject
from tests.audit.planted_readings import CONCEPTS, independent, planted

from seewhy.audit.alternatives.standard import (
    published_grafting,
    selective_interventions,
    shapley_share,
    unique_share,
)
from seewhy.models.tiny import tiny_classifier

COLOUR, SHAPE = independent()


@pytest.mark.parametrize("images", ["yours", "probe"])
@pytest.mark.parametrize("reading", [unique_share, shapley_share])
@pytest.mark.parametrize(("weights", "reason"), [((2, 0), "colour"), ((0, 2), "shape")])
def test_the_planted_reason_is_named(reading, weights, reason, images):
    answer = reading(planted_subject(COLOUR, SHAPE, weights), images=images)
    assert answer.dominant == reason
    assert answer.strength[reason] == pytest.approx(1, abs=0.03)
    assert answer.p_values[reason] == pytest.approx(0.01)


def test_what_goes_with_the_reason_shares_in_the_shapley_value_alone():
    subject = planted_subject(COLOUR, COLOUR, (2, 0))
    assert_allclose(list(unique_share(subject, images="yours").strength.values()), 0, atol=0.02)
    assert unique_share(subject, images="yours").dominant is None
    halves = shapley_share(subject, images="yours")
    assert_allclose(list(halves.strength.values()), 0.5, atol=0.02)


@pytest.mark.parametrize("reading", [unique_share, shapley_share])
@pytest.mark.parametrize(("images", "weight"), [(10, 2), (200, 0)])
def test_too_few_images_and_a_constant_answer_give_none(reading, images, weight):
    subject = planted_subject(COLOUR[:images], SHAPE[:images], (weight, 0))
    answer = reading(subject, images="yours")
    assert answer.dominant is None
    assert np.isnan(list(answer.strength.values())).all()


def test_an_intervention_on_the_reason_changes_the_answers():
    margin = 3 * COLOUR
    turned = planted(COLOUR, SHAPE, margin, hue_turn=(-COLOUR, SHAPE, -margin))
    subject = replace(planted_subject(COLOUR, SHAPE, (3, 0)), yours=turned, concepts=CONCEPTS)
    answer = selective_interventions(subject)
    assert answer.strength["colour"] == pytest.approx(1, abs=0.02)
    assert np.isnan(answer.strength["shape"])
    assert answer.dominant is None


def test_an_intervention_on_what_does_not_matter_changes_nothing():
    versions = {
        "hue_turn": (-COLOUR, SHAPE, SHAPE),
        "patch_shuffle": (COLOUR, -SHAPE, -SHAPE),
    }
    subject = replace(
        planted_subject(COLOUR, SHAPE, (0, 1)), yours=planted(COLOUR, SHAPE, SHAPE, **versions)
    )
    answer = selective_interventions(subject)
    assert answer.strength["colour"] == 0
    assert answer.dominant == "shape"


@pytest.mark.parametrize(("family", "protocol"), [("resnet", "paper"), ("vgg", "default")])
def test_the_published_graft_needs_the_names_of_a_resnet(family, protocol):
    grafting = published_grafting(tiny_classifier(family))
    assert (grafting.protocol, grafting.resize) == (protocol, "bicubic")
