import torch

from seewhy.evaluation.pairs.batches import MeasuredBatches, settled

CPU = torch.device("cpu")


def test_each_size_is_tried_twice_and_the_fastest_stays():
    batches = MeasuredBatches.on(CPU)
    tried = []
    for _ in range(11):
        tried.append(batches.size)
        batches.note(tried[-1], {1: 3.0, 4: 4.0, 8: 12.0, 16: 32.0}[tried[-1]])
    assert tried == [1, 1, 4, 4, 8, 8, 16, 16, 4, 4, 4]


def test_a_slow_first_pass_of_a_size_does_not_count_against_it():
    batches = MeasuredBatches({1: [5.0, 5.0], 8: [9.0, 2.0]})
    assert batches.size == 8


def test_a_rest_of_another_size_is_left_out_and_a_given_size_is_kept():
    batches = MeasuredBatches({5: []})
    batches.note(3, 0.0)
    assert batches.size == 5
    assert batches.seconds == {5: []}


def test_the_clock_runs_forward():
    first = settled(torch.zeros(1, 2))
    assert settled(torch.zeros(1, 2)) >= first
