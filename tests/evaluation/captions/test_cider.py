from collections import Counter
from math import exp, log

import numpy as np
import pytest
from tests.evaluation.captions.golden import STORED, stored, stored_items

from seewhy.evaluation.captions.cider import Frequencies, cider, frequencies
from seewhy.evaluation.captions.items import Items


def test_scores_are_the_published_ones():
    expected = stored("nlg.json")["with_ptb"]["cider_each"]
    assert cider(stored_items()) == pytest.approx(expected, abs=1e-12)


def test_other_texts_beside_it_change_a_score():
    even = stored_items().only(range(0, 22, 2))
    expected = stored("nlg.json")["with_ptb_even_ids"]["cider"]
    assert cider(even).mean() == pytest.approx(expected, abs=1e-12)
    assert cider(stored_items())[::2].mean() != pytest.approx(expected, abs=0.001)


def ended(row, *, start=-1, end=0):
    """A row of word ids up to its end, with the end token as a word of its own."""
    words = [int(word) for word in row if word != start]
    length = words.index(end) if end in words else len(words)
    return (*words[:length], 0)


@pytest.mark.parametrize("which", ["sample", "greedy"])
def test_rewards_with_frequencies_of_a_training_set_are_the_published_ones(which):
    stored_arrays = np.load(STORED / "caption_editing" / "rl.npz")
    corpus = [
        [ended([w for w in row if w >= 0]) for row in image] for image in stored_arrays["corpus"]
    ]
    start, end = int(stored_arrays["start_id"]), int(stored_arrays["end_id"])
    references = tuple(
        tuple(ended(row, start=start, end=end) for row in group) for group in stored_arrays["refs"]
    )
    candidates = tuple(ended(row) for row in stored_arrays[which])
    items = Items(tuple(range(len(candidates))), candidates, references)
    found = cider(items, known=frequencies(corpus))
    assert found == pytest.approx(stored_arrays[f"ciderd_{which}"], abs=1e-9)


def test_by_hand():
    items = Items((0, 1), (("a", "a", "b"), ("c",)), ((("a", "b"),), (("c",),)))
    weight = log(2)
    unigrams = (min(2, 1) * 1 + 1) * weight**2 / (5**0.5 * weight * 2**0.5 * weight)
    bigrams = 1 / 2**0.5
    expected = 10 * (unigrams + bigrams) / 4 * exp(-1 / 72)
    assert cider(items) == pytest.approx([expected, 10 / 4])


def test_frequencies_count_images_not_occurrences():
    found = frequencies([[("a", "a"), ("a",)], [("b",)]])
    assert found.documents == Counter({("a",): 1, ("a", "a"): 1, ("b",): 1})
    assert (found.images, found.weight(("a",)), found.weight(("z",))) == (2, log(2), log(2))


def test_one_image_alone_and_an_empty_text_have_nothing():
    alone = Items((0,), (("a", "b"),), ((("a", "b"),),))
    assert cider(alone) == [0]
    empty = Items((0, 1), ((), ("b",)), ((("a",),), (("b",),)))
    assert cider(empty, known=Frequencies({}, 10)).tolist() == [0, pytest.approx(2.5)]
