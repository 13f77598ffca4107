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

from seewhy.models.editing.cells import at_last
from seewhy.models.editing.dcnet import DcNet, SummaryProjection

ARRAYS = stored("dcnet")
NETWORK = stored_network("dcnet")
INPUTS = stored_inputs("dcnet")


def projection():
    found = SummaryProjection(16).double()
    found.load_state_dict(part("dcnet", "affine_w."))
    return found


@torch.no_grad()
def test_the_caption_is_read_as_stored():
    encoded = NETWORK.encode(INPUTS)
    longest = ARRAYS["enc_outputs"].shape[1]
    close(encoded.states[:, :longest], ARRAYS["enc_outputs"])
    assert not encoded.states[:, longest:].any()
    assert torch.equal(encoded.words[:, :longest], ARRAYS["enc_mask"].bool())
    close(NETWORK.summary(INPUTS.captions, INPUTS.lengths), ARRAYS["enc_final"])


@torch.no_grad()
def test_each_part_of_the_first_two_steps_is_the_stored_one():
    encoded = NETWORK.encode(INPUTS)
    state = NETWORK.begin(encoded)
    for place in range(2):
        wanted = part("dcnet", f"t{place}.")
        vectors = NETWORK.words(fed("dcnet")[0][:, place])
        moment = NETWORK.moment(NETWORK.attention_lstm.inputs.part(0, vectors), state, encoded)
        state = moment.state
        close(vectors, wanted["word"])
        close(state.attention.hidden, wanted["h1"])
        close(state.attention.cell, wanted["c1"])
        close(moment.context, wanted["attended_caption"])
        close(state.language.hidden, wanted["h2"])
        close(state.language.cell, wanted["c2"])
        close(NETWORK.output(state.language.hidden), wanted["logits"])


@torch.no_grad()
def test_teacher_forced_scores_and_loss_are_the_stored_ones():
    words, kept = fed("dcnet")
    scores = NETWORK(INPUTS, words)
    close(scores * kept[..., None], ARRAYS["logits"])
    close(true_loss("dcnet", scores), ARRAYS["xe_loss"])
    close(stepped(NETWORK, INPUTS, words)[0] * kept[..., None], ARRAYS["logits"])


@torch.no_grad()
def test_what_the_stage_of_mean_squared_error_compares_is_stored():
    lengths = ARRAYS["gt_length"].flatten()
    written = NETWORK.written(INPUTS, fed("dcnet")[0])
    projected = projection()(at_last(written.hidden, lengths - 1))
    close(projected, ARRAYS["projected_last"])
    true = NETWORK.summary(ARRAYS["gt_caption"], lengths)
    close(true, ARRAYS["gt_final"])
    close(torch.nn.functional.mse_loss(projected, true), ARRAYS["mse_loss"])


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


def test_it_sees_no_image():
    network = small_network("dcnet")
    words = some_words(3)
    blind = some_inputs()
    other = some_inputs(counts=(1, 1, 1))
    assert torch.equal(network(blind, words), network(other, words))


def test_the_published_sizes_have_the_published_number_of_weights():
    sizes = {"width": 1024, "attention": 512, "words": 10_000}
    with torch.device("meta"):
        network = DcNet(small_network("dcnet").config.model_copy(update=sizes))
    assert sum(each.numel() for each in network.parameters()) / 1e6 == pytest.approx(58.3, abs=0.05)


def test_a_pointer_gives_log_probabilities():
    scores = small_network("dcnet", pointer=True)(some_inputs(), some_words(3))
    torch.testing.assert_close(scores.logsumexp(dim=2), torch.zeros(3, 5).double())
