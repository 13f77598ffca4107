import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers
from tests.evaluation.captions.golden import STORED

from seewhy.base.errors import UsageError
from seewhy.evaluation.narration.retrieval import distinct_inputs, reason_sameness


def test_scores_are_the_published_ones():
    golden = np.load(STORED / "nle" / "retrieval_attack.npz")
    found = reason_sameness(golden["embeddings"])
    for row, cut in zip(found.per_query, (5, 10, 15), strict=True):
        assert row == pytest.approx(golden[f"similarity_at_{cut}"], abs=1e-6)
    assert list(found.values.values()) == pytest.approx(golden["mean"], abs=1e-6)


def test_by_hand_opposites_count_as_nothing():
    vectors = np.array([[[2.0, 0.0], [1.0, 0.0], [-3.0, 0.0], [0.0, 0.0]]])
    assert reason_sameness(vectors, cuts=[2, 3, 4]).values == pytest.approx(
        {2: 1, 3: 1 / 3, 4: 1 / 6}
    )


@given(seed=integers(0, 2**16))
def test_neither_length_nor_order_among_the_first_matters(seed):
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(2, 6, 3))
    scaled = vectors[:, generator.permutation(6)] * generator.uniform(0.1, 9, size=(2, 6, 1))
    first, second = (reason_sameness(each, cuts=[6]).per_query for each in (vectors, scaled))
    assert first == pytest.approx(second)


@pytest.mark.parametrize("cuts", [(), (1,), (5, 16)])
def test_cuts_that_do_not_fit_are_refused(cuts):
    with pytest.raises(UsageError, match="cannot be cut at"):
        reason_sameness(np.ones((1, 15, 2)), cuts=cuts)


def test_repeated_inputs_are_counted_once():
    assert distinct_inputs([["a", "b", "a"], [1, 2, 3]]) == [2, 3]
