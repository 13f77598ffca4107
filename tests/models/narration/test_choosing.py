import numpy as np
import pytest
import torch
from tests.models.narration.toys import GOLDEN

from seewhy.models.narration.choosing import allowed, choose, filtered_scores
from seewhy.models.narration.narrations import DecodingOptions, Marks


def test_filters_are_as_published():
    with np.load(GOLDEN / "top_filtering.npz") as arrays:
        held = {name: arrays[name] for name in arrays.files}
    rows = zip(held["logits"], held["top_k"], held["top_p"], held["filtered"], strict=True)
    for logits, top_k, top_p, wanted in rows:
        found = filtered_scores(torch.tensor(logits)[None], top_k=int(top_k), top_p=float(top_p))
        np.testing.assert_allclose(found[0], wanted, atol=1e-5)


def test_draws_hit_tokens_as_often_as_they_are_likely():
    scores = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log().repeat(4000, 1)
    draws = (torch.arange(4000) + 0.5) / 4000
    options = DecodingOptions(method="nucleus", top_p=0.8)
    choice = choose(scores, options, draws)
    counts = choice.ids.bincount(minlength=4)
    # 0.5 + 0.3 reaches the mass but does not exceed it in exact numbers; both are kept for sure.
    assert counts[3] == 0
    assert counts[0] / counts[1] == pytest.approx(5 / 3, rel=0.01)
    everything = choose(scores, DecodingOptions(method="nucleus", top_p=0.0), draws)
    assert everything.ids.bincount().tolist() == [2000, 1200, 600, 200]
    flat = choose(scores, DecodingOptions(method="nucleus", top_p=0.0, temperature=1e6), draws)
    assert flat.ids.bincount().tolist() == pytest.approx([1000] * 4, abs=2)
    torch.testing.assert_close(everything.log_probabilities.exp()[0], torch.tensor(0.5))


def test_forbidden_tokens_leave_their_share_to_the_others():
    scores = torch.tensor([[1.0, 2.0, 3.0]])
    found = allowed(scores, Marks(frozenset({0}), (2,), because=1))
    assert found[0, 2] == -torch.inf
    torch.testing.assert_close(found[0, :2], scores[0, :2].log_softmax(dim=0))
    assert scores[0, 2] == 3
    torch.testing.assert_close(
        allowed(scores, Marks(frozenset({0}), (), because=1)), scores.log_softmax(dim=1)
    )
