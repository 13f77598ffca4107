"""Paths through a search, and the rows of the traces that belong to them."""

import math

import pytest
import torch
from tests.models.editing.writers import inputs_of

from seewhy.models.editing.decoded import Hypothesis, Paths, full_scores, told
from seewhy.models.editing.stepping import StepTrace


def test_a_path_follows_its_parents():
    start = Paths.empty(1, device=torch.device("cpu"))
    first = start.grown(torch.tensor([0, 0]), torch.tensor([7, 8]), torch.tensor([-1.0, -2.0]))
    second = first.grown(
        torch.tensor([1, 0, 1]), torch.tensor([4, 5, 6]), torch.tensor([-0.5, -0.25, -0.125])
    )
    assert second.words.tolist() == [[8, 4], [7, 5], [8, 6]]
    assert second.log_probabilities.tolist() == [[-2, -0.5], [-1, -0.25], [-2, -0.125]]
    # The first words were both chosen by row 0, the second ones by rows 1, 0 and 1.
    assert second.places.tolist() == [[0, 1], [0, 0], [0, 1]]
    assert second.hypothesis(1, ending=None) == Hypothesis([7, 5], [-1, -0.25], [0, 0], None)


def test_scores_of_hypotheses():
    finished = Hypothesis([1, 2], [-1.0, -2.0], [0, 0], -3.0)
    cut = finished._replace(ending=None)
    assert (finished.log_probability, cut.log_probability) == (-6, -3)
    assert (finished.score(0.0), finished.score(1.0), cut.score(1.0)) == (-6, -2, -1.5)
    assert finished.score(0.5) == pytest.approx(-6 / math.sqrt(3))
    assert Hypothesis([], [], [], None).score(1.0) == 0


def test_each_caption_gets_the_rows_of_its_own_path():
    # Ten times the step plus the row, over captions padded to three words.
    traces = [
        StepTrace(source=(10.0 * step + torch.arange(3.0))[:, None].expand(3, 3))
        for step in range(3)
    ]
    hypotheses = [
        [Hypothesis([5, 6], [-1.0, -1.0], [0, 2], -1.0), Hypothesis([], [], [], -4.0)],
        [Hypothesis([5, 6, 7], [-1.0, -1.0, -1.0], [1, 1, 0], None)],
    ]
    (first, empty), (second,) = told(hypotheses, traces, inputs_of([[1, 2], [1, 2, 3]]))
    assert first.trace.source.tolist() == [[0, 0], [12, 12]]
    assert empty.trace.source.shape == (0, 2)
    assert second.trace.source.tolist() == [[1] * 3, [11] * 3, [20] * 3]
    assert first.trace.regions is None
    assert (first.is_finished, second.is_finished) == (True, False)
    assert (first.log_probability, second.log_probability) == (-3, -3)


def test_only_half_precision_is_raised():
    scores = torch.zeros(1, 2)
    assert full_scores(scores.bfloat16()).dtype == torch.float32
    assert full_scores(scores.double()).dtype == torch.float64
    assert full_scores(scores) is scores
