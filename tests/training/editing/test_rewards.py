import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.strategies import integers, lists
from tests.models.editing.golden import stored

from seewhy.evaluation.captions.cider import cider, frequencies
from seewhy.evaluation.captions.items import Items
from seewhy.training.editing.losses import decided_words
from seewhy.training.editing.rewards import CaptionReward, ended


def stored_reward():
    """The reward with the stored training captions, the stored references, and their ids."""
    arrays = stored("rl")
    corpus = [
        [ended(word for word in caption if word >= 0) for caption in image]
        for image in arrays["corpus"].tolist()
    ]
    marks = {int(arrays["start_id"]), int(arrays["end_id"]), 0}
    references = [
        [ended(word for word in caption if word not in marks) for caption in image]
        for image in arrays["refs"].tolist()
    ]
    return CaptionReward.of(corpus), references


@pytest.mark.parametrize("name", ["sample", "greedy"])
def test_stored_scores(name):
    arrays = stored("rl")
    reward, references = stored_reward()
    words = decided_words(arrays[name])
    found = reward(words, references, keys=range(len(words)))
    assert found == pytest.approx(arrays[f"ciderd_{name}"].numpy(), abs=1e-9)
    # And once more from what is kept.
    assert reward(words, references, keys=range(len(words))) == pytest.approx(found, abs=0)


captions = lists(integers(1, 4), max_size=6)


@settings(max_examples=60)
@given(
    corpus=lists(lists(captions, min_size=1, max_size=3), min_size=1, max_size=6),
    found=lists(captions, min_size=6, max_size=6),
)
def test_it_is_the_evaluations_cider(corpus, found):
    corpus = [[ended(words) for words in group] for group in corpus]
    reward = CaptionReward.of(corpus)
    candidates = [ended(words) for words in found[: len(corpus)]]
    items = Items(tuple(range(len(corpus))), tuple(candidates), tuple(map(tuple, corpus)))
    wanted = cider(items, known=frequencies(corpus))
    assert reward(candidates, corpus, keys=range(len(corpus))) == pytest.approx(wanted, abs=1e-9)


def test_references_are_known_by_their_key():
    reward = CaptionReward.of([[(1, 2, 0)], [(3, 0)], [(4, 0)]])
    first = reward([(1, 2, 0)], [[(1, 2, 0)]], keys=["same"])
    again = reward([(1, 2, 0)], [[(3, 0)]], keys=["same"])
    other = reward([(1, 2, 0)], [[(3, 0)]], keys=["other"])
    assert np.array_equal(first, again)
    assert first[0] > 1 > other[0]
