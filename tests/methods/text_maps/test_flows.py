import pytest
import torch
from torch.testing import assert_close

from seewhy.methods.text_maps.attention import attention_weights
from seewhy.methods.text_maps.flows import (
    attention_gradients,
    relevance_before,
    rolled_out,
    token_0,
)
from seewhy.models.towers import Affine, SelfAttention


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def random_weights(seed, *, batch=2, heads=3, tokens=5):
    return noise(batch, heads, tokens, tokens, seed=seed).softmax(dim=-1)


def taken_apart(module, gain=None):
    query, key, value = map(Affine, module.in_proj_weight.chunk(3), module.in_proj_bias.chunk(3))
    output = Affine(module.out_proj.weight, module.out_proj.bias)
    return SelfAttention(query, key, value, output, heads=module.num_heads, gain=gain)


@pytest.fixture
def attention():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torch.nn.MultiheadAttention(12, 3, batch_first=True).requires_grad_(False)
        torch.nn.init.normal_(module.in_proj_bias)
    return module


def test_weights_are_torch_s_own(attention):
    tokens = noise(2, 5, 12)
    _, wanted = attention(tokens, tokens, tokens, average_attn_weights=False)
    assert_close(attention_weights(tokens, taken_apart(attention), by="qk"), wanted)


@pytest.mark.parametrize("gain", [None, noise(12, seed=7)])
def test_gradients_of_weights_are_those_of_autograd(attention, gain):
    parts = taken_apart(attention, gain)
    tokens, upstream = noise(2, 5, 12), noise(2, 5, 12, seed=1)
    weights = attention_weights(tokens, parts, by="qk").requires_grad_()
    values = torch.stack(parts.value(tokens).split(4, dim=-1), dim=1)
    given = parts.output(torch.cat((weights @ values).unbind(dim=1), dim=-1))
    given = given if gain is None else given * gain
    (wanted,) = torch.autograd.grad((given * upstream).sum(), weights)
    assert_close(attention_gradients(upstream, tokens, parts), wanted)


def test_a_rollout_of_two_tokens_by_hand():
    """Half stays with the token; the other half goes as the mean of both heads says."""
    heads = torch.tensor([[[[0.0, 1.0], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]]]])
    start = torch.tensor([[1.0, 0.0]])
    once = torch.tensor([[0.625, 0.375]])
    assert_close(rolled_out(start, [heads]), once)
    twice = [[0.625 * 0.625 + 0.375 * 0.25, 0.625 * 0.375 + 0.375 * 0.75]]
    assert_close(rolled_out(start, [heads, heads]), torch.tensor(twice))


def test_a_rollout_is_the_product_of_all_matrices_and_keeps_its_sum():
    weights = [random_weights(seed) for seed in range(4)]
    product = torch.eye(5).expand(2, 5, 5)
    for each in weights:
        with_residual = each.mean(dim=1) + torch.eye(5)
        product = (with_residual / with_residual.sum(dim=-1, keepdim=True)) @ product
    found = rolled_out(token_0(noise(2, 5, 3)), reversed(weights))
    assert_close(found, product[:, 0])
    assert_close(found.sum(dim=1), torch.ones(2))


def test_relevance_is_a_row_of_the_published_recursion():
    weights = [random_weights(seed) for seed in range(4)]
    gradients = [noise(2, 3, 5, 5, seed=10 + seed) for seed in range(4)]
    whole = torch.eye(5).expand(2, 5, 5)
    row = token_0(noise(2, 5, 3))
    for each, slope in zip(weights, gradients, strict=True):
        whole = whole + (slope * each).clamp(min=0).mean(dim=1) @ whole
    for each, slope in zip(reversed(weights), reversed(gradients), strict=True):
        row = relevance_before(row, each, slope)
    assert_close(row, whole[:, 0])


def test_relevance_counts_no_weight_that_lowers_the_similarity():
    row = torch.tensor([[1.0, 0.0]])
    weights = torch.full((1, 2, 2, 2), 0.5)
    gradients = torch.tensor([[[[-4.0, 2.0], [0.0, 0.0]], [[-4.0, -1.0], [9.0, 9.0]]]])
    assert_close(relevance_before(row, weights, gradients), torch.tensor([[1.0, 0.5]]))


def test_a_row_starts_at_the_first_token():
    assert token_0(noise(2, 3, 4)).tolist() == [[1, 0, 0], [1, 0, 0]]
