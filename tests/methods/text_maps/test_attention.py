import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from seewhy.methods.text_maps.attention import rerouted
from seewhy.models.towers import Affine, SelfAttention

HEADS, HEAD = 2, 3
DIM = HEADS * HEAD


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def attention(**changes):
    query, key, value, output = (
        Affine(noise(DIM, DIM, seed=seed), noise(DIM, seed=seed + 10)) for seed in range(4)
    )
    fields = {"query": query, "key": key, "value": value, "output": output, "heads": HEADS}
    return SelfAttention(**(fields | changes))


def by_loops(tokens, own, *, left, right, scale):
    """The same, one image, head and token at a time."""
    found = torch.zeros(len(tokens), tokens.shape[1], DIM)
    for image in range(len(tokens)):
        for head in range(own.heads):
            part = slice(head * HEAD, (head + 1) * HEAD)
            a, b = (side(tokens[image])[:, part] for side in (left, right))
            values = own.value(tokens[image])[:, part]
            for token in range(tokens.shape[1]):
                weights = torch.softmax((b @ a[token]) * scale, dim=0)
                found[image, token, part] = weights @ values
    return own.output(found)


@pytest.mark.parametrize(
    ("by", "sides"),
    [("vv", "value value"), ("qq", "query query"), ("kk", "key key"), ("qk", "query key")],
)
def test_tokens_are_compared_as_the_name_says(by, sides):
    tokens, own = noise(2, 5, DIM, seed=7), attention()
    left, right = (getattr(own, side) for side in sides.split())
    wanted = by_loops(tokens, own, left=left, right=right, scale=HEAD**-0.5)
    assert_close(rerouted(tokens, own, by=by), wanted)


def test_values_of_unit_length_are_compared_eight_times_as_sharply():
    tokens, own = noise(2, 5, DIM, seed=7), attention()

    def unit(token_rows):
        heads = own.value(token_rows).unflatten(1, (HEADS, HEAD))
        return functional.normalize(heads, dim=-1).flatten(1)

    wanted = by_loops(tokens, own, left=unit, right=unit, scale=8 * HEAD**-0.5)
    assert_close(rerouted(tokens, own, by="unit-vv"), wanted, rtol=1e-4, atol=1e-5)


def test_identity_mixes_no_tokens():
    tokens, own = noise(2, 5, DIM), attention()
    assert_close(rerouted(tokens, own, by="identity"), own.output(own.value(tokens)))


@pytest.mark.parametrize("by", ["vv", "unit-vv", "qq", "kk", "qk"])
def test_one_token_looks_at_itself(by):
    tokens, own = noise(2, 1, DIM), attention()
    assert_close(rerouted(tokens, own, by=by), rerouted(tokens, own, by="identity"))


def test_the_model_s_own_attention_is_one_of_them():
    module = torch.nn.MultiheadAttention(DIM, HEADS, batch_first=True).eval()
    parts = module.in_proj_weight.chunk(3), module.in_proj_bias.chunk(3)
    query, key, value = map(Affine, *parts)
    output = Affine(module.out_proj.weight, module.out_proj.bias)
    own = SelfAttention(query, key, value, output, heads=HEADS)
    tokens = noise(3, 4, DIM)
    wanted = module(tokens, tokens, tokens, need_weights=False)[0]
    assert_close(rerouted(tokens, own, by="qk"), wanted)


def test_layer_scale_multiplies_what_comes_out():
    gain = noise(DIM, seed=20)
    tokens = noise(1, 4, DIM)
    plain = rerouted(tokens, attention(), by="vv")
    assert_close(rerouted(tokens, attention(gain=gain), by="vv"), plain * gain)
