import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.audit.alternatives.planted_subjects import TEXTS, planted_subject
from tests.audit.planted_readings import independent

from seewhy.audit.alternatives.subject import (
    abstained,
    leading,
    look,
    permutation_p_value,
)
from seewhy.base.errors import UsageError
from seewhy.data.digits import DigitExperiment
from seewhy.models.tiny import tiny_classifier, tiny_dual_encoder
from seewhy.taps.heads import find_head

RECORDS = DigitExperiment().records("held-out", "random")[:7]


@pytest.mark.parametrize("batch_size", [1, 3, 7, 32])
def test_what_was_seen_gives_the_model_its_logits_whatever_the_batch(batch_size):
    model, encoder = tiny_classifier(), tiny_dual_encoder()
    seen = look(model, encoder, records=RECORDS, batch_size=batch_size)
    whole = look(model, encoder, records=RECORDS)
    assert_allclose(seen.features, whole.features, atol=1e-6)
    assert_allclose(seen.embeddings, whole.embeddings, atol=1e-6)
    assert_allclose(np.linalg.norm(seen.embeddings, axis=1), 1, atol=1e-6)
    head = find_head(model)
    pixels = model.preprocess(RECORDS[3].read())[None]
    own = seen.features[3] @ head.weight.double().numpy().T + head.bias.double().numpy()
    assert_allclose(own, model.logits(pixels)[0].numpy(), atol=1e-5)


def test_nothing_to_look_at_is_refused():
    with pytest.raises(UsageError, match="no images to look at"):
        look(tiny_classifier(), tiny_dual_encoder(), records=[])


def test_contrasts_are_products_with_the_directions():
    subject = planted_subject(*independent(50), (1, 0))
    for group, directions in subject.directions().items():
        products = subject.seen["yours"].embeddings @ directions
        assert_allclose(subject.contrasts("yours")[group], products, atol=1e-6)
        assert_allclose(directions.sum(axis=1), 0, atol=1e-12)
    assert_allclose(subject.directions()["colour"][:, 0], TEXTS[0])


@pytest.mark.parametrize(
    ("strength", "named"),
    [
        ({"a": 3.0, "b": 2.0}, "a"),
        ({"a": 2.9, "b": 2.0}, None),
        ({"a": 0.0, "b": 0.9}, None),
        ({"a": math.nan, "b": 9.0}, None),
        ({"a": math.nan, "b": 9.0, "c": 1.0}, "b"),
        ({"a": math.nan, "b": math.nan}, None),
    ],
)
def test_a_group_leads_by_half_as_much_again(strength, named):
    assert leading(strength, least=1.0) == named


def test_the_observed_case_counts_as_one_of_those_by_chance():
    assert permutation_p_value(1.0, np.zeros(99)) == pytest.approx(0.01)
    assert permutation_p_value(0.0, np.zeros(99)) == 1
    assert permutation_p_value(1.0, np.array([1 - 1e-15, 0.0, 2.0])) == 0.75


def test_an_abstention_says_nothing_of_any_group():
    answer = abstained(planted_subject(*independent(30), (1, 0)).concepts)
    assert all(math.isnan(value) for value in answer.strength.values())
    assert list(answer.strength) == ["colour", "shape"]
    assert (answer.dominant, answer.p_values) == (None, {})
