from itertools import combinations, product

from hypothesis import given
from hypothesis.strategies import lists, sampled_from

from seewhy.evaluation.captions.alignment import Match, aligned, chunks

words = lists(sampled_from(["hold", "holds", "holding", "cat", "a"]), max_size=5)


def every_alignment(first, second):
    """All sets of one-to-one matches, by trial of everything."""
    alike = {"hold": "hold", "holds": "hold", "holding": "hold", "cat": "cat", "a": "a"}
    possible = [
        Match(i, j, first[i] == second[j])
        for i, j in product(range(len(first)), range(len(second)))
        if alike[first[i]] == alike[second[j]]
    ]
    for size in range(min(len(first), len(second)) + 1):
        for chosen in combinations(possible, size):
            sides = ({each.candidate for each in chosen}, {each.reference for each in chosen})
            if all(len(side) == size for side in sides):
                yield tuple(sorted(chosen, key=lambda each: each.reference))


def rank(matches):
    worth = sum(1 if each.exact else 0.5 for each in matches)
    return -worth, chunks(matches), sum(abs(each.candidate - each.reference) for each in matches)


@given(words, words)
def test_no_alignment_is_better(first, second):
    assert rank(aligned(first, second)) == min(map(rank, every_alignment(first, second)))


def test_chunks_end_where_either_text_jumps():
    def at(*places):
        return tuple(Match(i, j, True) for i, j in places)

    assert chunks(()) == 0
    assert chunks(at((0, 0), (1, 1), (2, 2))) == 1
    assert chunks(at((0, 0), (1, 2))) == 2
    assert chunks(at((1, 0), (0, 1))) == 2


def test_a_repeated_word_is_taken_where_the_run_goes_on():
    found = aligned(["a", "cat", "a", "dog"], ["the", "a", "dog"])
    assert [(each.candidate, each.reference) for each in found] == [(2, 1), (3, 2)]


def test_long_texts_end():
    assert len(aligned(["a"] * 60, ["a"] * 60)) == 60
