import pytest
import torch
from tests.models.editing.golden import close, part, stored

from seewhy.models.editing.attention import (
    AdditiveAttention,
    ContextGate,
    Pointer,
    WordShares,
    attended,
    masked_softmax,
    places_mask,
    pointed,
    select_memory,
    true_mean,
)

SCMA = stored("scma_step")
CAPTION = stored("caption_attention")
VISUAL = stored("visual_attention")


def caption_attention(prefix):
    weights = part("caption_attention", prefix)
    attention = AdditiveAttention(16, 16, width=8, activation="tanh").double()
    fill(attention, weights, {"keys": "cap_features_att", "query": "cap_decoder_att",
                              "score": "cap_full_att"})  # fmt: skip
    return attention


def fill(attention, weights, names):
    attention.load_state_dict(
        {
            f"{own}.{kind}": weights[f"{name}.{kind}"]
            for own, name in names.items()
            for kind in ("weight", "bias")
        }
    )


def visual_attention():
    weights = part("visual_attention", "w.")
    attention = AdditiveAttention(16, 16, width=8, activation="relu").double()
    fill(attention, weights, {"keys": "features_att", "query": "decoder_att", "score": "full_att"})
    vectors = torch.nn.Linear(12, 16).double()
    vectors.load_state_dict({kind: weights[f"att_embed.0.{kind}"] for kind in ("weight", "bias")})
    return lambda regions: attention.keys(vectors(regions).relu()), attention


def test_softmax_over_the_words_that_are_there():
    mask = SCMA["mask"].bool()
    close(masked_softmax(SCMA["scores"], mask), SCMA["alpha"])
    assert (masked_softmax(SCMA["scores"], mask)[~mask] == 0).all()


@pytest.mark.parametrize("by", ["hard", "soft"])
def test_selected_memories_and_their_gradients_are_the_stored_ones(by):
    alpha, memory = (SCMA[name].clone().requires_grad_() for name in ("alpha", "memory"))
    selected = select_memory(alpha, memory, by=by)
    close(selected, SCMA[f"selected_{by}"])
    (selected * SCMA["upstream"]).sum().backward()
    close(alpha.grad, SCMA[f"grad_alpha_{by}"])
    close(memory.grad, SCMA[f"grad_memory_{by}"])


def test_the_hard_choice_is_one_memory_exactly_the_first_of_equal_ones():
    memory = torch.randn(2, 3, 5)
    weights = torch.tensor([[0.4, 0.4, 0.2], [0.1, 0.3, 0.6]])
    assert torch.equal(select_memory(weights, memory), memory[[0, 1], [0, 2]])


def test_several_rows_of_an_image_choose_each_for_itself():
    memory = torch.randn(2, 3, 5)
    weights = torch.rand(4, 3).softmax(dim=1)
    for by in ("hard", "soft"):
        alone = select_memory(weights, memory.repeat_interleave(2, dim=0), by=by)
        torch.testing.assert_close(select_memory(weights, memory, by=by), alone)


def test_caption_attention_of_both_networks_is_the_stored_one():
    mask = CAPTION["mask"].bool()
    assert torch.equal(mask, places_mask(mask.sum(dim=1), mask.shape[1]))
    for prefix, wanted in (("edit_w.", "plain_context"), ("dc_w.", "dc_context")):
        attention = caption_attention(prefix)
        weights = attention(CAPTION["query"], attention.keys(CAPTION["states"]), mask)
        close(attended(weights, CAPTION["states"]), CAPTION[wanted])
        if prefix == "edit_w.":
            close(weights, CAPTION["alpha"])


def test_the_context_gate_is_the_stored_one():
    weights = part("caption_attention", "edit_w.")
    gate = ContextGate(16).double()
    named = {"gate.bias": weights["context_gate.bias"], "target.bias": weights["tc_affine.bias"]}
    for own, name, parts in (("gate", "context_gate", 3), ("target", "tc_affine", 2)):
        pieces = weights[f"{name}.weight"].chunk(parts, dim=1)
        named |= {f"{own}.weights.{place}": each for place, each in enumerate(pieces)}
    for kind in ("weight", "bias"):
        named[f"source.{kind}"] = weights[f"sc_affine.{kind}"]
    gate.load_state_dict(named)
    found = gate(
        WordShares(*gate.shares(CAPTION["word"])), CAPTION["query"], CAPTION["plain_context"]
    )
    close(found.gate, CAPTION["context_gate"])
    close(found.context, CAPTION["gated_context"])


def test_visual_attention_weighs_the_raw_features():
    keys, attention = visual_attention()
    regions = VISUAL["regions"]
    everything = torch.ones(regions.shape[:2], dtype=torch.bool)
    close(
        attended(attention(VISUAL["query"], keys(regions), everything), regions),
        VISUAL["context"],
    )


def test_visual_attention_leaves_out_what_is_beyond_the_counts():
    keys, attention = visual_attention()
    regions = VISUAL["adaptive_regions"]
    mask = places_mask(VISUAL["adaptive_count"].flatten(), regions.shape[1])
    weights = attention(VISUAL["query"], keys(regions), mask)
    close(attended(weights, regions), VISUAL["adaptive_context"])
    close(true_mean(regions, mask), VISUAL["adaptive_mean"])
    filled = regions.masked_fill(~mask[..., None], 7.0)
    assert torch.equal(attention(VISUAL["query"], keys(filled), mask), weights)


def test_an_image_without_regions_gives_zeros_and_no_nan():
    mask = places_mask(torch.tensor([0]), 3)
    assert true_mean(torch.ones(1, 3, 2), mask).tolist() == [[0, 0]]
    assert masked_softmax(torch.zeros(1, 3), mask).isfinite().all()


def test_rows_of_an_image_ask_as_if_its_keys_were_repeated():
    attention = AdditiveAttention(4, 5, width=6, activation="tanh")
    query, values = torch.randn(6, 5), torch.randn(2, 3, 4)
    mask = places_mask(torch.tensor([3, 2]), 3)
    together = attention(query, attention.keys(values), mask)
    repeated = values.repeat_interleave(3, dim=0)
    alone = attention(query, attention.keys(repeated), mask.repeat_interleave(3, dim=0))
    torch.testing.assert_close(together, alone)


def test_a_pointer_mixes_two_distributions():
    logits = torch.zeros(1, 1, 4)
    weights = torch.tensor([[[0.5, 0.25, 0.25]]])
    ids = torch.tensor([[2, 3, 2]])
    half = pointed(logits, torch.zeros(1, 1, 1), weights=weights, ids=ids).exp()
    # Half of one in four words, and half of where the words stand.
    torch.testing.assert_close(half, torch.tensor([[[0.125, 0.125, 0.5, 0.25]]]))
    closed = pointed(logits, torch.full((1, 1, 1), -50.0), weights=weights, ids=ids)
    torch.testing.assert_close(closed, logits.log_softmax(dim=-1))
    opened = pointed(logits, torch.full((1, 1, 1), 50.0), weights=weights, ids=ids).exp()
    torch.testing.assert_close(opened, torch.tensor([[[0, 0, 0.75, 0.25]]]), atol=1e-6, rtol=0)


def test_a_pointer_always_gives_probabilities_and_gradients():
    pointer = Pointer(3)
    logits = (100 * torch.randn(2, 4, 7)).requires_grad_()
    weights = torch.randn(2, 4, 5).softmax(dim=-1).requires_grad_()
    ids = torch.randint(0, 7, (2, 5))
    found = pointer(logits, torch.randn(2, 4, 6), weights=weights, ids=ids)
    torch.testing.assert_close(found.logsumexp(dim=-1), torch.zeros(2, 4), atol=1e-5, rtol=0)
    found.sum().backward()
    for each in (logits, weights, *pointer.parameters()):
        assert each.grad.isfinite().all()
