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

from seewhy.models.editing.attention import WordShares
from seewhy.models.editing.cells import at_last
from seewhy.models.editing.editnet import EditNet, EditWord

ARRAYS = stored("editnet")
NETWORK = stored_network("editnet")
INPUTS = stored_inputs("editnet")


def moments(steps=2):
    """The first steps, teacher-forced, with the word vectors that went in."""
    encoded = NETWORK.encode(INPUTS)
    state = NETWORK.begin(encoded)
    for words in fed("editnet")[0].unbind(dim=1)[:steps]:
        vectors = NETWORK.words(words)
        gates, *shares = NETWORK._shares(vectors)
        moment = NETWORK.moment(EditWord(gates, WordShares(*shares)), state, encoded)
        state = moment.state
        yield vectors, moment


def test_the_caption_is_read_as_stored():
    encoded = NETWORK.encode(INPUTS)
    longest = ARRAYS["enc_hidden"].shape[1]
    close(encoded.hidden[:, :longest], ARRAYS["enc_hidden"])
    close(encoded.memory[:, :longest], ARRAYS["enc_memory"])
    assert torch.equal(encoded.words[:, :longest], ARRAYS["enc_mask"].bool())
    assert not encoded.hidden[:, longest:].any()
    read = NETWORK.encoder(NETWORK.words(INPUTS.captions), INPUTS.lengths)
    close(read.summary, ARRAYS["enc_final"])
    close(read.summary, NETWORK.encoder.summary(at_last(read.hidden, INPUTS.lengths)).tanh())


@torch.no_grad()
def test_each_part_of_the_first_two_steps_is_the_stored_one():
    for place, (vectors, moment) in enumerate(moments()):
        wanted = part("editnet", f"t{place}.")
        close(vectors, wanted["word"])
        close(moment.state.attention.hidden, wanted["h1"])
        close(moment.state.attention.cell, wanted["c1"])
        close(moment.source[:, : wanted["alpha_caption"].shape[1]], wanted["alpha_caption"])
        close(moment.context, wanted["attended_caption"])
        close(moment.image, wanted["attended_image"])
        close(moment.memory, wanted["selected_memory"])
        close(moment.state.copy.hidden, wanted["h2"])
        close(moment.state.copy.cell, wanted["c2"])
        close(NETWORK.output(moment.state.copy.hidden), wanted["logits"])


@torch.no_grad()
def test_teacher_forced_scores_and_loss_are_the_stored_ones():
    words, kept = fed("editnet")
    scores = NETWORK(INPUTS, words)
    close(scores * kept[..., None], ARRAYS["logits"])
    close(true_loss("editnet", scores), ARRAYS["xe_loss"])
    close(stepped(NETWORK, INPUTS, words)[0] * kept[..., None], ARRAYS["logits"])


def test_gradients_of_the_loss_are_the_stored_ones():
    own = {
        "embed.embedding.weight": NETWORK.words.table.weight,
        "caption_encoder.lstm_encoder_cell.h2h.weight": NETWORK.encoder.cell.state.weight,
        "caption_attention.cap_features_att.weight": NETWORK.caption_attention.keys.weight,
        "caption_attention.cap_full_att.weight": NETWORK.caption_attention.score.weight,
        "copy_lstm.gate_cmem.weight": NETWORK.copy_lstm.memory_gate.weight,
        "fc.bias": NETWORK.output.bias,
    }
    wanted = part("editnet", "grad.")
    assert own.keys() == wanted.keys()
    NETWORK.zero_grad()
    true_loss("editnet", NETWORK(INPUTS, fed("editnet")[0])).backward()
    for name, parameter in own.items():
        close(parameter.grad, wanted[name])
    norm = torch.cat([each.grad.flatten() for each in NETWORK.parameters()]).norm()
    close(norm, ARRAYS["grad_norm"])


@torch.no_grad()
def test_greedy_words_are_the_stored_ones():
    encoded, end = NETWORK.encode(INPUTS), NETWORK.vocabulary_size - 1
    words, state = torch.full((len(INPUTS),), end - 1), NETWORK.begin(encoded)
    is_open = torch.ones(len(INPUTS), dtype=torch.bool)
    for wanted, chance in zip(
        ARRAYS["greedy_tokens"].unbind(dim=1), ARRAYS["greedy_logprobs"].unbind(dim=1), strict=True
    ):
        step = NETWORK.step(words, state, encoded)
        best, found = step.scores.log_softmax(dim=1).max(dim=1)
        close(best[is_open], chance[is_open])
        words = torch.where(is_open & (found != end), found, 0)
        is_open &= found != end
        assert torch.equal(words, wanted)
        state = step.state


def test_the_published_sizes_have_the_published_number_of_weights():
    with torch.device("meta"):
        network = EditNet(small_network("editnet").config.model_copy(
            update={"width": 1024, "attention": 512, "features": 2048, "words": 10_000}
        ))  # fmt: skip
    assert sum(each.numel() for each in network.parameters()) / 1e6 == pytest.approx(88.7, abs=0.05)


def test_a_pointer_gives_log_probabilities():
    network = small_network("editnet", pointer=True)
    inputs = some_inputs()
    scores = network(inputs, some_words(len(inputs)))
    torch.testing.assert_close(scores.logsumexp(dim=2), torch.zeros(3, 5).double())


def test_an_image_without_regions_is_not_looked_at():
    network = small_network("editnet")
    empty = some_inputs(counts=(3, 2, 0))
    assert network(empty, some_words(3)).isfinite().all()
