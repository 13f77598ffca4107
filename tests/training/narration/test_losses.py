import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.narration.small import drawn_examples, small_narrator
from torch.nn import functional
from torch.testing import assert_close

from seewhy.models.narration.batches import IGNORED
from seewhy.training.narration.batches import PARTS, BatchMaker
from seewhy.training.narration.examples import ExampleMaker
from seewhy.training.narration.losses import (
    COUNTED,
    loss_sums,
    part_scales,
    summed_by_part,
    target_counts,
)
from seewhy.training.narration.presets import LossWeights


@pytest.fixture(scope="module")
def narrator():
    return small_narrator().eval()


@pytest.fixture(scope="module")
def batch(narrator):
    examples = drawn_examples(ExampleMaker(narrator.rows)).batch(0)
    return BatchMaker(narrator.tokenizer, narrator.config.preprocessing).batch(examples)


def test_sums_are_those_of_the_whole_table_of_scores(narrator, batch):
    tokens = narrator.image_tokens(batch.images)
    scores = narrator(batch.rows, tokens).log_softmax(-1)
    wanted = dict.fromkeys(range(5), 0.0)
    for row, labels in enumerate(batch.rows.labels.tolist()):
        for place, label in enumerate(labels):
            if place and label != IGNORED:
                wanted[int(batch.parts[row, place])] -= scores[row, place - 1, label].item()
    assert wanted.pop(0) == 0.0
    found = loss_sums(narrator, batch, narrator.hidden(batch.rows, tokens))
    assert_close(found, torch.tensor(list(wanted.values())), rtol=1e-4, atol=1e-4)


def test_with_equal_weights_it_is_the_published_mean_over_tokens(narrator, batch):
    tokens = narrator.image_tokens(batch.images)
    logits = narrator(batch.rows, tokens)
    wanted = functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), batch.rows.labels[:, 1:].flatten(), ignore_index=IGNORED
    )
    scales = part_scales(target_counts(batch), LossWeights())[: len(PARTS)]
    found = loss_sums(narrator, batch, narrator.hidden(batch.rows, tokens))
    assert_close((found * scales).sum(), wanted)


def test_counts_are_targets_but_for_first_tokens(batch):
    labels = batch.rows.labels[:, 1:]
    counts = target_counts(batch)
    assert counts.sum() == (labels != IGNORED).sum()
    assert dict(zip(COUNTED, counts.tolist(), strict=True))["lead"] == 3 * 6


def test_weights_by_tokens_and_by_parts_solved_by_hand():
    sums = summed_by_part(torch.tensor([1.0, 2.0, 3.0, 6.0]), torch.tensor([2, 2, 3, 3]))
    assert sums.tolist() == [0.0, 3.0, 9.0, 0.0]
    counts = torch.tensor([0.0, 2.0, 2.0, 0.0, 8.0, 5.0])
    words = len(PARTS)
    weights = {"lead": 0.0, "answer": 3.0, "reason": 1.0}
    by_tokens = part_scales(counts, LossWeights(**weights))
    assert_close((sums * by_tokens[:words]).sum(), torch.tensor((3 * 3 + 9) / (3 * 2 + 2)))
    by_parts = part_scales(counts, LossWeights("parts", **weights))
    assert_close((sums * by_parts[:words]).sum(), torch.tensor((3 * 1.5 + 4.5) / 4))
    assert by_parts[words:].tolist() == [0, 0]
    seeing = part_scales(counts, LossWeights("parts", sight=2.0, mentions=1.0, **weights))
    assert_close(seeing, torch.tensor([*by_parts[:words].tolist(), 2 / 8, 1 / 5]))


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.floats(0, 9), st.integers(1, 4)), min_size=2, max_size=12),
    st.sampled_from(["tokens", "parts"]),
    st.integers(0, 12),
)
def test_a_step_in_two_passes_has_the_loss_of_one(pairs, by, cut):
    losses = torch.tensor([loss for loss, _ in pairs])
    parts = torch.tensor([part for _, part in pairs])
    counts = summed_by_part(torch.ones_like(losses), parts)
    counts = torch.cat([counts, torch.zeros(len(COUNTED) - len(PARTS))])
    scales = part_scales(counts, LossWeights(by, answer=2.0, caption=0.5))[: len(PARTS)]
    whole = (summed_by_part(losses, parts) * scales).sum()
    halves = [
        (summed_by_part(losses[half], parts[half]) * scales).sum()
        for half in (slice(None, cut), slice(cut, None))
    ]
    assert_close(sum(halves), whole)


@pytest.mark.parametrize("by", ["tokens", "parts"])
def test_nothing_to_learn_is_a_loss_of_nothing(by):
    nothing = [0.0] * len(COUNTED)
    assert part_scales(torch.tensor(nothing), LossWeights(by)).tolist() == nothing
