from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists
from tests.evaluation.captions.golden import stored, stored_items

from seewhy.evaluation.captions.bleu import bleu_counts, bleu_scores, ngram_counts
from seewhy.evaluation.captions.items import Items


def items(candidate, *references):
    words = [tuple(text.split()) for text in (candidate, *references)]
    return Items((0,), (words[0],), (tuple(words[1:]),))


def ones(number):
    return np.ones(number, dtype=np.int64)


@pytest.mark.parametrize("kept", ["with_ptb", "with_ptb_even_ids"])
def test_scores_of_a_set_are_the_published_ones(kept):
    every = stored_items()
    chosen = every if kept == "with_ptb" else every.only(range(0, 22, 2))
    found = bleu_counts(chosen)(ones(len(chosen)))
    assert found == pytest.approx(stored("nlg.json")[kept]["bleu"], abs=1e-12)


def test_scores_of_each_text_are_the_published_ones():
    expected = np.array(stored("nlg.json")["with_ptb"]["bleu_each"])
    each = bleu_counts(stored_items()).each.T
    assert each == pytest.approx(expected, abs=1e-12)


def test_by_hand_with_clipping_and_brevity():
    counts = bleu_counts(items("the the cat", "the cat sat down", "a cat sat on the mat"))
    assert counts.matched.tolist() == [[2, 1, 0, 0]]
    assert counts.possible.tolist() == [[3, 2, 1, 0]]
    assert counts.closest.tolist() == [4]
    expected = np.array([2 / 3, (2 / 3 / 2) ** 0.5]) * exp(1 - 4 / 3)
    assert counts.each[0, :2] == pytest.approx(expected, rel=1e-6)
    assert counts.each[0, 2] < 1e-3


def test_of_two_lengths_equally_near_the_shorter_counts():
    assert bleu_counts(items("a b c", "a b", "a b c d")).closest.tolist() == [2]


def test_an_empty_text_has_nothing():
    assert (bleu_counts(items("", "a b")).each == 0).all()


def test_a_copy_has_one():
    assert bleu_counts(items("a b c d e", "x", "a b c d e")).each == pytest.approx(1, abs=1e-8)


@given(lists(integers(0, 3), min_size=1, max_size=8).filter(any))
def test_weights_are_repetitions(weights):
    found = bleu_counts(stored_items())
    drawn = np.array(weights)
    rows = np.repeat(np.arange(len(drawn)), drawn)
    sums = [
        each[rows].sum(axis=0)[None]
        for each in (found.matched, found.possible, found.lengths, found.closest)
    ]
    padded = np.zeros(22, dtype=np.int64)
    padded[: len(drawn)] = drawn
    assert found(padded) == pytest.approx(bleu_scores(*sums)[0], abs=1e-12)


@given(lists(integers(0, 2), max_size=9).map(tuple))
def test_ngrams_are_counted_as_slices_are(words):
    counts = ngram_counts(words)
    slices = [words[i : i + n] for n in range(1, 5) for i in range(len(words) - n + 1)]
    assert counts == {each: slices.count(each) for each in slices}
