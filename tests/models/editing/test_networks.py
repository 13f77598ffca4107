"""What holds for every network that edits."""

from dataclasses import fields, replace

import pytest
import torch
from tests.models.editing.networks import (
    VARIANTS,
    WORDS,
    padded,
    small_network,
    some_inputs,
    some_words,
    stepped,
)

from seewhy.models.editing.stepping import EditorNetwork

INPUTS = some_inputs()
TARGETS = some_words(len(INPUTS))
each_network = pytest.mark.parametrize(
    "network", [small_network(**each) for each in VARIANTS], ids=lambda n: repr(n.config)
)


def close(found, wanted):
    torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-10)


@each_network
def test_it_is_an_editing_network(network):
    assert isinstance(network, EditorNetwork)
    assert network.vocabulary_size == WORDS
    assert network(INPUTS, TARGETS).shape == (3, 5, WORDS)


@each_network
def test_single_steps_give_the_teacher_forced_scores(network):
    close(stepped(network, INPUTS, TARGETS)[0], network(INPUTS, TARGETS))


@each_network
def test_several_rows_of_an_image_write_each_for_itself(network):
    together, traces = stepped(network, INPUTS, TARGETS, rows=2)
    close(together, network(INPUTS, TARGETS).repeat_interleave(2, dim=0))
    for trace, alone in zip(traces, stepped(network, INPUTS, TARGETS)[1], strict=True):
        for field in fields(trace):
            mine, single = getattr(trace, field.name), getattr(alone, field.name)
            assert (mine is None) == (single is None)
            if mine is not None:
                torch.testing.assert_close(mine, single.repeat_interleave(2, dim=0))


@each_network
def test_a_batch_says_what_each_row_says_alone(network):
    batch = network(INPUTS, TARGETS)
    for place in range(len(INPUTS)):
        one = torch.tensor([place])
        close(network(INPUTS.take(one), TARGETS[one]), batch[one])


@each_network
def test_the_order_of_rows_changes_their_order_alone(network):
    order = torch.tensor([2, 0, 1])
    close(network(INPUTS.take(order), TARGETS[order]), network(INPUTS, TARGETS)[order])
    encoded = network.encode(INPUTS)
    state = network.begin(encoded)
    first = network.step(TARGETS[:, 0], state, encoded)
    moved = network.step(TARGETS[order, 0], state.take(order), encoded.take(order))
    close(moved.scores, first.scores[order])
    second = network.step(TARGETS[order, 1], first.state.take(order), encoded.take(order))
    close(second.scores, network(INPUTS, TARGETS)[order, 1])


@each_network
def test_what_stands_behind_the_end_changes_nothing(network):
    close(network(padded(INPUTS), TARGETS), network(INPUTS, TARGETS))


@each_network
def test_later_words_do_not_change_earlier_scores(network):
    other = TARGETS.clone()
    other[:, 3] = (other[:, 3] + 1) % WORDS
    before, after = network(INPUTS, TARGETS), network(INPUTS, other)
    close(after[:, :3], before[:, :3])
    assert (after[:, 3] - before[:, 3]).abs().amax(dim=1).min() > 1e-6


@each_network
def test_every_weight_is_learnt(network):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = torch.randn(len(INPUTS), 5, WORDS).double()
    network.zero_grad()
    (network(INPUTS, TARGETS) * weights).sum().backward()
    idle = {
        name
        for name, each in network.named_parameters()
        # A constant in all scores of a softmax cancels out.
        if not name.endswith("attention.score.bias") and not each.grad.abs().max() > 0
    }
    assert not idle


@each_network
def test_traces_say_where_it_looked(network):
    for trace in stepped(network, INPUTS, TARGETS)[1]:
        for weights, counts in ((trace.source, INPUTS.lengths), (trace.regions, INPUTS.counts)):
            if weights is not None:
                close(weights.sum(dim=1), torch.ones(3).double())
                beyond = torch.arange(weights.shape[1]) >= counts[:, None]
                assert (weights[beyond] == 0).all()
        for share in (trace.copy_gate, trace.context_gate, trace.kept):
            assert share is None or ((share > 0).all() and (share < 1).all())
        if trace.copied is not None:
            assert torch.equal(trace.copied, trace.source.argmax(dim=1))


@each_network
def test_dropout_is_for_training_alone(network):
    wet = small_network(**network.config.model_dump() | {"dropout": 0.5})
    wet.load_state_dict(network.state_dict())
    close(wet(INPUTS, TARGETS), network(INPUTS, TARGETS))
    wet.train()
    assert not torch.allclose(wet(INPUTS, TARGETS), wet(INPUTS, TARGETS))


@each_network
def test_lower_precision_says_nearly_the_same(network):
    single = small_network(**network.config.model_dump())
    single.load_state_dict(network.state_dict())
    single = single.float()
    inputs = replace(INPUTS, regions=INPUTS.regions.float(), sentences=INPUTS.sentences.float())
    exact = single(inputs, TARGETS)
    torch.testing.assert_close(exact.double(), network(INPUTS, TARGETS), atol=1e-5, rtol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        rough = single(inputs, TARGETS)
    torch.testing.assert_close(rough.float(), exact, atol=0.1, rtol=0.1)
    rough.float().sum().backward()
    assert all(each.grad.isfinite().all() for each in single.parameters())
