from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seewhy.base.errors import UsageError
from seewhy.data.narration.mixing import Pick, TaskMixture

sizes = st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 30), min_size=1, max_size=4)


def epochs(mixture, count):
    """Picks of whole epochs, whatever the batch."""
    steps = -(-mixture.epoch_size * count // mixture.batch)
    picks = [pick for step in range(steps) for pick in mixture.batch_at(step)]
    size = mixture.epoch_size
    return [picks[start : start + size] for start in range(0, size * count, size)]


@settings(max_examples=30)
@given(sizes, st.integers(1, 7), st.integers(0, 99))
def test_with_alpha_1_an_epoch_is_every_record_once(sizes, batch, seed):
    everything = {Pick(task, place) for task, size in sizes.items() for place in range(size)}
    for epoch in epochs(TaskMixture(sizes, batch=batch, seed=seed), 2):
        assert len(epoch) == len(everything)
        assert set(epoch) == everything


@settings(max_examples=30)
@given(sizes, st.floats(0, 1), st.integers(0, 99))
def test_shares_are_powers_of_sizes_and_records_of_a_task_come_equally_often(sizes, alpha, seed):
    mixture = TaskMixture(sizes, alpha=alpha, batch=5, seed=seed)
    total = sum(size**alpha for size in sizes.values())
    for epoch in epochs(mixture, 2):
        by_task = Counter(pick.task for pick in epoch)
        for task, size in sizes.items():
            assert abs(by_task[task] - size**alpha / total * mixture.epoch_size) < 1 + 1e-6
            times = Counter(pick.place for pick in epoch if pick.task == task)
            counts = [times[place] for place in range(size)]
            assert max(counts) - min(counts) <= 1


@settings(max_examples=30)
@given(sizes, st.integers(0, 9))
def test_a_batch_is_the_same_whenever_it_is_asked_for(sizes, step):
    mixture = TaskMixture(sizes, alpha=0.5, batch=4, seed=1)
    before = mixture.batch_at(step)
    mixture.batch_at(1000)
    assert TaskMixture(dict(sizes), alpha=0.5, batch=4, seed=1).batch_at(step) == before


def test_equal_shares_by_hand():
    mixture = TaskMixture({"many": 90, "few": 10}, alpha=0.0)
    assert mixture.shares == {"many": 0.5, "few": 0.5}
    assert mixture.quotas == {"many": 50, "few": 50}
    assert TaskMixture({"many": 81, "few": 9}, alpha=0.5).shares == {"many": 0.75, "few": 0.25}


def test_seeds_and_epochs_shuffle_anew():
    sizes = {"a": 40, "b": 40}
    first, second = epochs(TaskMixture(sizes, batch=8), 2)
    assert first != second
    assert first != epochs(TaskMixture(sizes, batch=8, seed=1), 1)[0]
    assert len({pick.task for pick in first[:20]}) == 2


@pytest.mark.parametrize(
    "settings",
    [{"sizes": {}}, {"sizes": {"a": 0}}, {"sizes": {"a": 1}, "batch": 0}],
)
def test_what_cannot_be_mixed_is_refused(settings):
    with pytest.raises(UsageError, match="cannot be mixed"):
        TaskMixture(**settings)


def test_shares_beyond_the_sizes_are_refused():
    with pytest.raises(UsageError, match=r"alpha is 1.5; wanted is 0"):
        TaskMixture({"a": 1}, alpha=1.5)
    with pytest.raises(UsageError, match="steps count from 0"):
        TaskMixture({"a": 1}).batch_at(-1)
