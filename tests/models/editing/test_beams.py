"""The batched search: small cases by hand, all captions tried, and laws of searches."""

import math
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import integers
from tests.models.editing.writers import Marks, Random, Told, captions_of, inputs_of

from seewhy.models.editing.beams import SearchRules, beam_search, without_repeats
from seewhy.models.editing.decoding import DecodeOptions, decode, search_rules

MARKS = Marks(6)  # words 1 and 2, unknown 3, start 4, end 5
END = MARKS.end

# The likeliest first word, 1, leads to nothing good; the best caption is "2" with 0.4.
GARDEN = {
    (): {1: 0.55, 2: 0.45},
    (1,): {1: 0.5, 2: 0.4, END: 0.1},
    (2,): {END: 0.9, 1: 0.1},
    (1, 1): {END: 1.0},
}


def rules(**more):
    settings = {"start": MARKS.start, "end": END, "forbidden": (0, 3, 4)}
    return SearchRules(**settings | more)


def ids(found):
    return [[each.ids for each in group] for group in found]


def test_two_beams_find_what_one_passes_by():
    network, inputs = Told(GARDEN, size=6), inputs_of([[0]])
    ((greedy,),) = beam_search(network, inputs, rules(beams=1))
    assert greedy.ids == (1, 1)
    assert greedy.log_probability == pytest.approx(math.log(0.55 * 0.5))
    ((best,),) = beam_search(network, inputs, rules(beams=2))
    assert best.ids == (2,)
    assert best.log_probability == pytest.approx(math.log(0.45 * 0.9))
    assert best.log_probabilities == pytest.approx((math.log(0.45),))
    assert best.ending == pytest.approx(math.log(0.9))


def test_a_penalty_of_length_prefers_longer_captions():
    network, inputs = Told(GARDEN, size=6), inputs_of([[0]])
    # 0.275 over three choices: a mean of -0.43; 0.405 over two: -0.45.
    ((best,),) = beam_search(network, inputs, rules(beams=2, length_penalty=1.0))
    assert best.ids == (1, 1)


def test_the_trace_is_that_of_the_path_to_the_winner():
    network, inputs = Told(GARDEN, size=6), inputs_of([[0]])
    found = beam_search(network, inputs, rules(beams=3, n_best=3))
    for each in found[0]:
        assert each.trace.copied.tolist() == [
            sum(each.ids[:place]) for place in range(len(each.ids))
        ]


def test_a_search_stops_once_nothing_better_can_come():
    certain = {(): {END: 0.6, 1: 0.4}, (1,): {1: 1.0}, (1, 1): {1: 1.0}}
    network = Told(certain, size=6)
    ((best,),) = beam_search(network, inputs_of([[0]]), rules(beams=2))
    assert best.ids == ()
    assert best.is_finished
    assert len(network.calls) == 1


def test_images_that_are_found_leave_the_batch_and_beams_shrink():
    quick = {(): {1: 1.0}}
    slow = {(): {1: 0.6, 2: 0.4}, (1,): {1: 1.0}, (2,): {2: 1.0}, (1, 1): {2: 1.0}}
    network = Told(quick, slow, size=6)
    found = beam_search(network, inputs_of([[0], [1]]), rules(beams=3))
    assert ids(found) == [[(1,)], [(1, 1, 2)]]
    # Two images of a row, then of two rows; the second alone, of which one row ends first.
    assert network.calls == [(2, 2), (2, 4), (1, 2), (1, 1)]


def test_no_end_within_the_limit_gives_the_best_beginning():
    endless = {(1,) * length: {1: 0.75, 2: 0.25} for length in range(9)}
    ((best,),) = beam_search(Told(endless, size=6), inputs_of([[0]]), rules(beams=1, limit=4))
    assert best.ids == (1, 1, 1, 1)
    assert not best.is_finished
    assert best.log_probability == pytest.approx(4 * math.log(0.75))


def test_a_caption_as_long_as_the_limit_may_end():
    table = {(): {1: 1.0}, (1,): {2: 1.0}}
    for limit, is_finished in ((2, True), (1, False)):
        ((best,),) = beam_search(Told(table, size=6), inputs_of([[0]]), rules(limit=limit))
        assert best.ids == (1, 2)[:limit]
        assert best.is_finished is is_finished


def test_a_finished_caption_is_preferred_to_a_likelier_one_that_is_cut():
    table = {(): {1: 0.9, 2: 0.1}} | {(1,) * length: {1: 1.0} for length in range(1, 9)}
    ((best,),) = beam_search(Told(table, size=6), inputs_of([[0]]), rules(beams=2, limit=5))
    assert best.ids == (2,)
    assert best.is_finished


def test_forbidden_words_do_not_come_however_likely():
    table = {(): {0: 0.3, 3: 0.3, 4: 0.3, 2: 0.1}}
    ((best,),) = beam_search(Told(table, size=6), inputs_of([[0]]), rules())
    assert best.ids == (2,)
    # The probability is that among all words.
    assert best.log_probability == pytest.approx(math.log(0.1))
    allowing = DecodeOptions(allows_unknown=True)
    ((best,),) = decode(Told(table, size=6), inputs_of([[0]]), MARKS, allowing)
    assert best.ids == (3,)


def test_scores_that_are_no_numbers_cost_their_own_image_alone():
    broken = {(): {1: math.nan}}
    found = beam_search(Told(GARDEN, broken, size=6), inputs_of([[0], [1], [0]]), rules(beams=2))
    assert ids(found) == [[(2,)], [()], [(2,)]]
    assert [group[0].is_finished for group in found] == [True, False, True]


def test_repeats_of_a_run():
    scores = torch.zeros(2, 6)
    words = torch.tensor([[1, 2, 1], [1, 1, 1]])
    assert without_repeats(scores, words[:, :1], run=2).isfinite().all()
    pairs = without_repeats(scores, words, run=2)
    assert pairs.isinf().nonzero().tolist() == [[0, 2], [1, 1]]
    single = without_repeats(scores, words, run=1)
    assert single.isinf().nonzero().tolist() == [[0, 1], [0, 2], [1, 1]]
    triples = without_repeats(scores, words, run=3)
    assert triples.isinf().nonzero().tolist() == [[1, 1]]


@pytest.mark.parametrize("run", [1, 2, 3])
def test_no_caption_repeats_a_run(run):
    network = Random(seed=3, ends=-20).eval()
    found = beam_search(
        network, inputs_of(captions_of(5)), search_rules(DecodeOptions(no_repeat=run), Marks(12))
    )
    for (each,) in found:
        runs = [each.ids[place : place + run] for place in range(len(each.ids) - run + 1)]
        assert len(runs) > 3
        assert len(set(runs)) == len(runs)


@torch.no_grad()
def best_of_all(network, inputs, *, limit, penalty):
    """The best finished caption of all that there are, each scored word by word."""
    marks, found = Marks(network.vocabulary_size), []
    for length in range(limit + 1):
        every = list(product(range(1, marks.unknown), repeat=length))
        captions = torch.tensor(every, dtype=torch.long).view(len(every), length)
        rows = len(captions)
        encoded = network.encode(inputs)
        state = network.begin(encoded, rows=rows)
        total = torch.zeros(rows)
        words = torch.full((rows,), marks.start)
        for following in [*captions.T, torch.full((rows,), marks.end)]:
            step = network.step(words, state, encoded)
            total += step.scores.log_softmax(-1).gather(1, following[:, None])[:, 0]
            words, state = following, step.state
        best = total.argmax()
        found.append((float(total[best]) / (length + 1) ** penalty, tuple(captions[best].tolist())))
    return max(found)


@pytest.mark.parametrize("penalty", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_enough_beams_find_the_best_of_all_captions(penalty, seed):
    network = Random(7, seed=seed).eval()
    inputs = inputs_of([[1, 2], [3], [2, 2, 1]])
    options = DecodeOptions(beams=100, limit=3, length_penalty=penalty)
    found = beam_search(network, inputs, search_rules(options, Marks(7)))
    for place, (each,) in enumerate(found):
        one = inputs.take(torch.tensor([place]))
        score, words = best_of_all(network, one, limit=3, penalty=penalty)
        assert each.ids == words
        assert each.log_probability / (len(words) + 1) ** penalty == pytest.approx(score, abs=1e-4)


@settings(max_examples=25)
@given(seed=integers(0, 2**16))
def test_several_best_are_in_order_and_differ(seed):
    network = Random(seed=seed, ends=2.0).eval()
    options = DecodeOptions(beams=4, n_best=4)
    for group in beam_search(
        network, inputs_of(captions_of(3, seed=seed)), search_rules(options, Marks(12))
    ):
        finished = [each.log_probability for each in group]
        assert finished == sorted(finished, reverse=True)
        assert len({each.ids for each in group}) == len(group)
        one = search_rules(DecodeOptions(beams=4), Marks(12))
    firsts = beam_search(network, inputs_of(captions_of(3, seed=seed)), one)
    several = beam_search(
        network, inputs_of(captions_of(3, seed=seed)), search_rules(options, Marks(12))
    )
    assert [group[0].ids for group in several] == [group[0].ids for group in firsts]
