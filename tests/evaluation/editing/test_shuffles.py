import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists

from seewhy.base.errors import UsageError
from seewhy.evaluation.editing.shuffles import partners


@given(truths=lists(integers(0, 5), max_size=40), seed=integers(0, 2**16))
def test_everyone_gets_another_truth_and_nobody_is_taken_twice(truths, seed):
    most = max((truths.count(each) for each in truths), default=0)
    if not truths or 2 * most > len(truths):
        with pytest.raises(UsageError, match="have the same truth"):
            partners(truths, seed=seed)
        return
    found = partners(truths, seed=seed).tolist()
    assert sorted(found) == list(range(len(truths)))
    assert all(truths[place] != truths[other] for place, other in enumerate(found))


def test_the_seed_decides():
    truths = list(range(30))
    assert (partners(truths, seed=1) == partners(truths, seed=1)).all()
    assert (partners(truths, seed=1) != partners(truths, seed=2)).any()
