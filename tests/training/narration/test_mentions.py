import numpy as np
import pytest
import torch
from tests.training.narration.small import small_narrator
from torch.testing import assert_close

from seewhy.data.narration.drawn.dataset import drawn_narrations
from seewhy.data.scenes import Scene, SceneObject
from seewhy.models.narration.rows import Row
from seewhy.training.narration.batches import BatchMaker
from seewhy.training.narration.examples import ExampleMaker
from seewhy.training.narration.loop import Learner
from seewhy.training.narration.losses import COUNTED, part_scales, target_counts
from seewhy.training.narration.mentions import NO_MENTION, MentionHead, mentions_of
from seewhy.training.narration.presets import LossWeights

SCENE = Scene(
    tuple(
        SceneObject(kind, colour, "plain", "medium", "", centre, 0.2)
        for kind, colour, centre in (
            ("circle", "red", (0.25, 0.25)),
            ("square", "red", (0.75, 0.75)),
            ("4", "blue", (0.25, 0.75)),
        )
    ),
    "black",
)


def row(text):
    words = text.split()
    tokens = (words[0], *(f"\u0120{word}" for word in words[1:]))
    return Row("1", tokens, (False,) * len(tokens))


def told(text, answers=()):
    """The masks by the place of their word."""
    made = row(text)
    is_answer = [word.strip("\u0120") in answers for word in made.tokens]
    found = mentions_of([made], [is_answer], [SCENE])[0]
    return {
        place: "".join(map(str, mask.tolist()))
        for place, mask in enumerate(found)
        if mask[0] != NO_MENTION
    }


def test_a_phrase_is_said_of_all_that_it_fits():
    assert told("are there more red objects than circles") == {4: "1001", 6: "1000"}
    assert told("the blue 4 is below a green star") == {2: "0010", 7: "0000"}
    assert told("how many plain digits do you see") == {3: "0010"}


def test_adjectives_of_another_noun_and_answers_are_left_out():
    assert told("is the red circle blue square") == {3: "1000", 5: "0000"}
    assert told("how many circles 4", answers=("4",)) == {2: "1000"}
    assert told("what does not fit") == {}


def test_rows_are_filled_up_without_mentions():
    rows = [row("the circle"), row("is the circle red")]
    found = mentions_of(rows, [[False] * 2, [False] * 4], [SCENE] * 2)
    assert found.shape == (2, 4, 4)
    assert (found[0, 2:] == NO_MENTION).all()


def test_the_loss_is_the_mean_over_blocks_added_up_over_phrases_and_quarters():
    torch.manual_seed(0)
    head = MentionHead(5, blocks=2)
    states = [torch.randn(1, 3, 5) for _ in range(3)]
    mentions = torch.full((1, 3, 4), NO_MENTION)
    mentions[0, 1] = torch.tensor([1, 0, 0, 1])
    expected = 0.0
    for layer, state in zip(head.blocks, states[:2], strict=True):
        shares = layer(state[0, 1]).sigmoid()
        right = torch.where(mentions[0, 1] == 1, shares, 1 - shares)
        expected -= right.log().sum() / 2
    assert_close(head.loss_sum(states, mentions), expected)
    mentions[:] = NO_MENTION
    assert head.loss_sum(states, mentions) == 0


def test_a_learner_learns_from_them_and_steps_count_them():
    narrator = small_narrator(seed=1)
    made = [each.record for each in drawn_narrations(6, tasks=("vqaX",))]
    maker = ExampleMaker(narrator.rows)
    examples = [maker.example(record, record.explanations[0]) for record in made]
    batches = BatchMaker(narrator.tokenizer, narrator.config.preprocessing, has_quarters=True)
    batch = batches.batch(examples)
    learner = Learner(narrator, has_sight=True)
    sums = dict(zip(COUNTED, learner(batch), strict=True))
    counts = dict(zip(COUNTED, target_counts(batch).tolist(), strict=True))
    assert counts["mentions"] == (batch.mentions != NO_MENTION).sum()
    # As much as guessing, before anything was learnt.
    assert abs(sums["mentions"].item() / counts["mentions"] - np.log(2)) < 0.5
    sums["mentions"].backward()
    assert any(each.grad is not None for each in narrator.tower.parameters())
    scales = part_scales(target_counts(batch), LossWeights(mentions=2.0))
    scale = scales[COUNTED.index("mentions")].item()
    assert scale * counts["mentions"] == pytest.approx(2.0)
