"""Every reading, on small untrained networks and real images: what all of them have in common."""

import math

import numpy as np
import pytest
from tests.audit.alternatives.planted_subjects import planted_subject
from tests.audit.planted_readings import independent

from seewhy.audit.alternatives.catalogue import DESCRIPTIONS, READINGS
from seewhy.audit.alternatives.subject import Subject, look
from seewhy.audit.pixels.interventions import INTERVENTIONS
from seewhy.audit.probes import probe_records
from seewhy.audit.readings import ModelFamily, PassSettings, read_images
from seewhy.data.concepts import load_concepts
from seewhy.data.digits import DigitExperiment
from seewhy.models.tiny import SIDE, tiny_classifier, tiny_dual_encoder

CONCEPTS = load_concepts(
    {
        "colour": {"red": ["a red digit"], "green": ["a green digit"]},
        "shape": {"5": ["a photo of the digit 5"], "8": ["a photo of the digit 8"]},
    }
)


@pytest.fixture(scope="module")
def subject():
    model, encoder = tiny_classifier(classes=2), tiny_dual_encoder()
    texts = encoder.encode_texts(list(CONCEPTS.captions))
    settings = PassSettings(batch_size=16, seed=0)

    def read(records, changes):
        return read_images(
            records,
            [ModelFamily(model)],
            encoder,
            captions=texts,
            interventions=changes,
            settings=settings,
        )

    yours = read(DigitExperiment(side=SIDE).records("held-out", "random")[:30], INTERVENTIONS[:2])
    probe = read(probe_records(40, side=SIDE), ())
    seen = {
        "yours": look(model, encoder, records=yours.records),
        "probe": look(model, encoder, records=probe.records),
    }
    return Subject(model, encoder, CONCEPTS, texts, yours, probe, seen, seed=0)


@pytest.mark.parametrize("name", READINGS)
def test_an_answer_speaks_of_every_group_and_is_the_same_again(subject, name):
    answer, again = READINGS[name](subject), READINGS[name](subject)
    assert list(answer.strength) == ["colour", "shape"]
    assert all(math.isnan(value) or value >= 0 for value in answer.strength.values())
    assert set(answer.p_values) in (set(), {"colour", "shape"})
    assert all(0 < value <= 1 for value in answer.p_values.values())
    assert answer.dominant in (None, "colour", "shape")
    np.testing.assert_equal(
        (dict(again.strength), dict(again.p_values), again.dominant),
        (dict(answer.strength), dict(answer.p_values), answer.dominant),
    )


def test_the_published_reading_deals_every_image_to_one_group(subject):
    answer = READINGS["graft-published"](subject)
    assert sum(answer.strength.values()) == pytest.approx(1)
    assert answer.dominant == max(answer.strength, key=answer.strength.__getitem__)


def test_every_reading_is_described_in_a_line():
    assert list(DESCRIPTIONS) == list(READINGS)
    assert all(0 < len(text) < 90 and "\n" not in text for text in DESCRIPTIONS.values())


@pytest.mark.parametrize("images", ["yours", "probe"])
@pytest.mark.parametrize("kind", ["unique", "shapley", "weights", "covariance", "moves"])
def test_each_set_of_images_has_its_own_reading(kind, images):
    subject = planted_subject(*independent(), (2, 0))
    assert READINGS[f"{kind}-{images}"](subject).dominant == "colour"
