import copy
from dataclasses import replace

import pytest
import torch
from tests.models.editing.golden import part, stored, stored_inputs, stored_network
from tests.training.editing.small import CHANNELS, WRITER, regions_of
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import InternalError
from seewhy.data.editing.facts import facts_of
from seewhy.evaluation.captions.cider import cider, frequencies
from seewhy.evaluation.captions.items import Items
from seewhy.models.editing.building import build_network
from seewhy.models.editing.config import EditNetConfig
from seewhy.models.editing.sampling import greedy_words, sample_words
from seewhy.training.editing.batches import EditBatch
from seewhy.training.editing.examples import DrawnExamples
from seewhy.training.editing.losses import decided_words
from seewhy.training.editing.phases import (
    ClosenessLearning,
    Moment,
    RewardLearning,
    WordLearning,
    next_word_scores,
)
from seewhy.training.editing.rewards import CaptionReward

FACTS = facts_of("train")[:6]
EXAMPLES = DrawnExamples(FACTS, regions_of(6), WRITER, 4)


def moment(share=0.0, seed=0):
    return Moment(share, torch.Generator().manual_seed(seed))


def editnet(**values):
    size = WRITER.vocabulary.size
    config = EditNetConfig(
        width=8, attention=4, features=CHANNELS, words=size, **{"dropout": 0.0, **values}
    )
    return build_network(config, seed=1)


def stored_batch(name):
    arrays = stored(name)
    words = arrays["gt_caption"]
    return EditBatch(stored_inputs("editnet"), words, ((),) * len(words), tuple(range(len(words))))


def test_words_are_learnt_as_stored_gradients_and_all():
    network = stored_network("editnet")
    found = WordLearning()(network, stored_batch("editnet"), moment())
    found.loss.backward()
    arrays = stored("editnet")
    assert_close(found.loss.double(), arrays["xe_loss"], atol=2e-5, rtol=1e-4)
    norm = torch.stack([each.grad.norm() for each in network.parameters()]).norm()
    assert_close(norm, arrays["grad_norm"], atol=2e-5, rtol=1e-4)
    assert found.parts["words"] == pytest.approx(float(arrays["xe_loss"]), rel=1e-4)


def test_closeness_is_added_as_stored():
    arrays, affine = stored("dcnet"), part("dcnet", "affine_w.")
    projection = nn.Linear(16, 16).double()
    projection.load_state_dict(affine)
    found = ClosenessLearning(projection)(stored_network("dcnet"), stored_batch("dcnet"), moment())
    wanted = arrays["xe_loss"] + arrays["mse_loss"]
    assert_close(found.loss.double(), wanted, atol=2e-5, rtol=1e-4)
    assert found.parts["closeness"] == pytest.approx(float(arrays["mse_loss"]), rel=1e-6)


def test_the_truths_summary_learns_too():
    """Its gradient is not cut: the encoder changes also through the target."""
    network, projection = stored_network("dcnet"), nn.Linear(16, 16).double()
    nn.init.zeros_(projection.weight)
    nn.init.zeros_(projection.bias)
    found = ClosenessLearning(projection)(network, stored_batch("dcnet"), moment())
    words = WordLearning()(network, stored_batch("dcnet"), moment())
    summary = [each for name, each in network.named_parameters() if "encoder" in name]
    both, one = (torch.autograd.grad(each.loss, summary) for each in (found, words))
    assert any(not torch.allclose(first, second) for first, second in zip(both, one, strict=True))


def test_only_dcnet_has_summaries():
    with pytest.raises(InternalError, match="EditNet has no summaries"):
        ClosenessLearning(nn.Linear(8, 8))(editnet(), EXAMPLES.batch(0), moment())


def test_without_own_words_steps_are_the_teacher_forced_pass():
    network, batch = editnet(), EXAMPLES.batch(0)
    forced = next_word_scores(network, batch, moment())
    stepped = next_word_scores(network, batch, moment(1e-12))
    assert_close(stepped, forced, atol=1e-5, rtol=1e-4)


def test_own_words_are_those_that_the_network_would_draw():
    """One that always says "is" reads nothing else, from the second word on."""
    network, batch = editnet(), EXAMPLES.batch(0)
    (word,) = WRITER.vocabulary.encode(["is"])
    with torch.no_grad():
        network.output.bias[word] += 1e4
    found = next_word_scores(network, batch, moment(1.0))
    fed = torch.full_like(batch.targets, word)
    fed[:, 0] = batch.targets[:, 0]
    wanted = next_word_scores(network, replace(batch, targets=fed), moment())
    assert_close(found, wanted, atol=1e-3, rtol=1e-4)


def test_own_words_come_as_often_as_asked():
    network, batch = editnet(), DrawnExamples(FACTS, regions_of(6), WRITER, 400).batch(0)
    (word,) = WRITER.vocabulary.encode(["is"])
    with torch.no_grad():
        network.output.bias[word] += 1e4
    read = []
    step = network.step

    def watched(words, state, encoded):
        read.append(words)
        return step(words, state, encoded)

    network.step = watched
    next_word_scores(network, batch, moment(0.3))
    assert torch.equal(read[0], batch.targets[:, 0])
    true = batch.targets[:, 1]
    assert float((read[1] != true).float().mean()) == pytest.approx(0.3, abs=0.06)
    assert set(read[1][read[1] != true].tolist()) == {word}


def rewarding():
    truths = [WRITER.references([each.words]) for each in FACTS]
    return RewardLearning(WRITER.vocabulary, CaptionReward.of(truths), WRITER.longest)


def test_the_reward_is_that_of_the_drawn_captions():
    network, batch, learning = editnet(), EXAMPLES.batch(0), rewarding()
    found = learning(network, batch, moment(seed=7))
    words = WRITER.vocabulary
    drawn = sample_words(network, batch.inputs, words, generator=moment(seed=7).generator, limit=14)
    greedy = greedy_words(network, batch.inputs, words, limit=14)
    known = frequencies(WRITER.references([each.words]) for each in FACTS)
    for name, written in (("reward", drawn), ("greedy reward", greedy)):
        captions = decided_words(written.ids)
        items = Items(tuple(range(4)), captions, batch.references)
        assert found.parts[name] == pytest.approx(cider(items, known=known).mean(), abs=1e-9)


def test_a_step_by_reward_makes_better_captions_likelier():
    network, learning = editnet(), rewarding()
    before, after = [], []
    batch = EXAMPLES.batch(0)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for seed in range(60):
        found = learning(network.train(), batch, moment(seed=seed))
        optimiser.zero_grad()
        found.loss.backward()
        optimiser.step()
        (before if seed < 15 else after).append(found.parts["reward"])
    assert sum(after[-15:]) > 1.3 * sum(before)


def test_what_is_no_better_than_the_likeliest_teaches_nothing():
    """A network that is sure of all words draws what it would say: no gain, no gradient."""
    network = editnet()
    with torch.no_grad():
        network.output.bias[WRITER.vocabulary.end] += 1e3
    kept = copy.deepcopy(network.state_dict())
    found = rewarding()(network.train(), EXAMPLES.batch(0), moment())
    found.loss.backward()
    assert found.parts["reward"] == found.parts["greedy reward"]
    assert all(not each.grad.any() for each in network.parameters() if each.grad is not None)
    assert_close(network.state_dict(), kept)
    assert network.training
