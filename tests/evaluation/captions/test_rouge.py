import pytest
from hypothesis import given
from hypothesis.strategies import integers, lists
from tests.evaluation.captions.golden import stored, stored_items

from seewhy.evaluation.captions.items import Items
from seewhy.evaluation.captions.rouge import common_subsequence, rouge_l

short = lists(integers(0, 3), max_size=9).map(tuple)


def score(candidate, *references):
    words = [tuple(text.split()) for text in (candidate, *references)]
    return rouge_l(Items((0,), (words[0],), (tuple(words[1:]),)))[0]


def test_scores_are_the_published_ones():
    expected = stored("nlg.json")["with_ptb"]["rouge_l_each"]
    assert rouge_l(stored_items()) == pytest.approx(expected, abs=1e-12)


def slow(first, second):
    if not first or not second:
        return 0
    if first[-1] == second[-1]:
        return 1 + slow(first[:-1], second[:-1])
    return max(slow(first[:-1], second), slow(first, second[:-1]))


@given(short, short)
def test_the_subsequence_is_as_long_as_the_recursion_says(first, second):
    assert common_subsequence(first, second) == slow(first, second)


def test_precision_and_recall_may_come_of_two_references():
    # Precision 2/2 of the first, recall 1/1 of the second: together more than either gives.
    assert score("a b", "a b c d", "a") == pytest.approx(1)
    assert score("a b", "a b c d") == pytest.approx(2.44 * 0.5 / (0.5 + 1.44))


@pytest.mark.parametrize("references", [("a",), ("",), ("", "a")])
def test_an_empty_text_has_nothing(references):
    assert score("", *references) == 0


def test_nothing_in_common_is_nothing():
    assert score("a b", "c", "") == 0
