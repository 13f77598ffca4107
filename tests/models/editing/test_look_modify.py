from dataclasses import replace

import pytest
import torch
from tests.models.editing.golden import (
    close,
    fed,
    part,
    stored,
    stored_inputs,
    stored_network,
    true_loss,
)
from tests.models.editing.networks import small_network, some_inputs, some_words, stepped

from seewhy.base.errors import UsageError
from seewhy.models.editing.look_modify import LookModify, LookWord

ARRAYS = stored("look_modify")
NETWORK = stored_network("look_modify")
INPUTS = stored_inputs("look_modify")


@torch.no_grad()
def test_each_part_of_the_first_two_steps_is_the_stored_one():
    close(NETWORK.attribute_vectors(INPUTS), ARRAYS["attributes_decoded"])
    encoded = NETWORK.encode(INPUTS)
    state = NETWORK.begin(encoded)
    for place in range(2):
        wanted = part("look_modify", f"t{place}.")
        word = LookWord(*NETWORK._shares(NETWORK.words(fed("look_modify")[0][:, place])))
        moment = NETWORK.moment(word, state, encoded)
        state = moment.state
        close(state.attention.hidden, wanted["h1"])
        close(state.attention.cell, wanted["c1"])
        close(moment.sentinel, wanted["sentinel"])
        close(moment.image, wanted["attended_image"])
        close(moment.known, wanted["known"])
        close(state.language.hidden, wanted["h2"])
        close(state.language.cell, wanted["c2"])
        close(moment.residual, wanted["residual"])
        close(NETWORK.output(moment.residual + moment.known), wanted["logits"])


@torch.no_grad()
def test_teacher_forced_scores_and_loss_are_the_stored_ones():
    words, kept = fed("look_modify")
    scores = NETWORK(INPUTS, words)
    close(scores * kept[..., None], ARRAYS["logits"])
    close(true_loss("look_modify", scores), ARRAYS["xe_loss"])
    close(stepped(NETWORK, INPUTS, words)[0] * kept[..., None], ARRAYS["logits"])


@torch.no_grad()
def test_one_locked_mask_serves_the_whole_sentence_as_stored():
    words, kept = fed("look_modify")
    encoded = NETWORK.encode(INPUTS)
    locked = replace(NETWORK.begin(encoded), mask=ARRAYS["locked_mask"])
    close(NETWORK.written(words, locked, encoded) * kept[..., None], ARRAYS["logits_locked"])


def test_a_mask_is_drawn_for_each_row_in_training_alone():
    network = small_network("look-modify", width=400, dropout=0.5)
    encoded = network.encode(some_inputs())
    assert network.begin(encoded, rows=2).mask is None
    network.train()
    state = network.begin(encoded, rows=2)
    assert state.mask.unique().tolist() == [0, 2]
    assert state.mask.mean().item() == pytest.approx(1, abs=0.15)
    assert len(state.mask.unique(dim=0)) == 6
    after = network.step(some_words(6)[:, 0], state, encoded).state
    assert torch.equal(after.mask, state.mask)
    assert not after.language.hidden[state.mask == 0].any()
    assert not after.attention.hidden[state.mask == 0].any()
    assert small_network("look-modify").train().begin(encoded).mask is None


def test_without_attributes_their_vector_is_zero():
    network, words = small_network("look-modify"), some_words(3)
    without = network(some_inputs(attributes=False), words)
    assert not torch.allclose(network(some_inputs(), words), without)
    with torch.no_grad():
        for each in (network.attributes.second.weight, network.attributes.second.bias):
            each.zero_()
    torch.testing.assert_close(network(some_inputs(), words), without)


def test_a_sentence_that_is_to_be_given_is_asked_for():
    network = small_network("look-modify", sentence="given")
    with pytest.raises(UsageError, match="wants an embedding of each caption, and none came"):
        network.encode(replace(some_inputs(), sentences=None))


def test_the_share_kept_is_that_of_the_norms():
    network = small_network("look-modify")
    inputs, words = some_inputs(), some_words(3)
    with torch.no_grad():
        network.residual.weight.zero_()
        network.residual.bias.zero_()
        (first, *_) = stepped(network, inputs, words)[1]
        assert first.kept.tolist() == [1, 1, 1]
        silent = replace(inputs, sentences=torch.zeros(3, 6).double())
        given = small_network("look-modify", sentence="given")
        (first, *_) = stepped(given, silent, words)[1]
    assert first.kept.tolist() == [0, 0, 0]


def test_weights_begin_as_published():
    network = small_network("look-modify")
    for each in (network.words.weight, network.output.weight):
        assert 0.09 < each.abs().max().item() <= 0.1
    assert not network.output.bias.any()


def test_the_published_sizes_have_the_published_number_of_weights():
    sizes = {
        "width": 1000, "embedding": 1000, "attention": 512, "features": 2048, "words": 10_000,
        "sentence": "given",
    }  # fmt: skip
    with torch.device("meta"):
        network = LookModify(small_network("look-modify").config.model_copy(update=sizes))
    assert sum(each.numel() for each in network.parameters()) / 1e6 == pytest.approx(68.0, abs=0.05)
