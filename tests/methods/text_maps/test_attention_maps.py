import numpy as np
import pytest
import torch
from tests.methods.text_maps.golden import picture, small_vit
from torch.nn import functional
from torch.testing import assert_close

from seewhy.methods.text_maps.attention_maps import AttentionRollout, LastAttention
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.passes.prompts import PromptEnsemble

PIXELS = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def maps(method, encoder, texts):
    asked = method.ask(encoder, texts, prompts=PromptEnsemble(encoder, ("{}",)))
    return method.maps(encoder, PIXELS, asked)


def asked_for_weights(encoder):
    """What torch itself gives when each attention of a ViT is asked for its weights."""
    weights, hooks = [], []
    for block in encoder.module.visual.transformer.resblocks:

        def look(_norm, _given, read, attention=block.attn):
            weights.append(attention(read, read, read, average_attn_weights=False)[1])

        hooks.append(block.ln_1.register_forward_hook(look))
    with torch.no_grad():
        encoder.module.visual(PIXELS)
    for hook in hooks:
        hook.remove()
    return weights


def test_the_last_attention_is_the_class_token_s_own_row():
    encoder = small_vit(ls_init_value=0.5)
    wanted = asked_for_weights(encoder)[-1].mean(dim=1)[:, 0, 1:].reshape(2, 4, 4)
    found = maps(LastAttention(), encoder, ["a"]).maps
    assert_close(found[:, 0], wanted)
    assert (found.sum(dim=(2, 3)) < 1).all()


def test_a_rollout_multiplies_all_attentions():
    encoder = small_vit()
    product = torch.eye(17)
    for each in asked_for_weights(encoder):
        product = (each.mean(dim=1) + torch.eye(17)) / 2 @ product
    found = maps(AttentionRollout(), encoder, ["a"]).maps
    assert_close(found[:, 0], product[:, 0, 1:].reshape(2, 4, 4))


def test_a_resnet_shows_the_attention_of_its_pool():
    encoder = tiny_dual_encoder("resnet")
    pool, kept = encoder.module.visual.attnpool, []
    hook = pool.register_forward_pre_hook(lambda _pool, given: kept.append(given[0]))
    with torch.no_grad():
        encoder.module.visual(PIXELS)
    hook.remove()
    cells = kept[0].flatten(2).permute(2, 0, 1)
    tokens = (
        torch.cat([cells.mean(dim=0, keepdim=True), cells]) + pool.positional_embedding[:, None]
    )
    query, key = (
        layer(tokens).unflatten(2, (pool.num_heads, -1)).permute(1, 2, 0, 3)
        for layer in (pool.q_proj, pool.k_proj)
    )
    ones = torch.eye(tokens.shape[0]).expand(*query.shape[:2], -1, -1)
    # Attention to the unit vectors gives its own weights.
    wanted = functional.scaled_dot_product_attention(query, key, ones).mean(dim=1)[:, 0, 1:]
    assert_close(maps(LastAttention(), encoder, ["red"]).maps[:, 0, 0, 0], wanted[:, 0])


@pytest.mark.parametrize("method", [LastAttention(), AttentionRollout()])
def test_maps_that_are_blind_to_texts_say_so(method):
    encoder = small_vit()
    found = maps(method, encoder, ["a", "b"])
    assert_close(found.maps[:, 0], found.maps[:, 1])
    assert (found.whole[:, 0] != found.whole[:, 1]).all()
    prompts = PromptEnsemble(encoder, ("{}",))
    (one,) = method.explain(encoder, [picture()], ["a"], prompts=prompts)
    assert "blind to texts" in one.provenance["notes"]


@pytest.mark.parametrize("method", [LastAttention(), AttentionRollout()])
def test_large_images_are_taken_in_groups(method, monkeypatch):
    encoder = small_vit()
    usual = maps(method, encoder, ["a"])
    monkeypatch.setattr("seewhy.methods.text_maps.forward._WEIGHTS_AT_ONCE", 1)
    grouped = maps(method, encoder, ["a"])
    np.testing.assert_allclose(grouped.maps, usual.maps, atol=1e-6)
    np.testing.assert_allclose(grouped.whole, usual.whole, atol=1e-6)
