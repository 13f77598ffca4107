import numpy as np
import pytest
import torch
from tests.methods.text_maps.asking import heat
from tests.methods.text_maps.golden import picture, small_vit
from torch.nn import functional
from torch.testing import assert_close

from seewhy.methods.text_maps.relevance import AttentionRelevance
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.passes.prompts import PromptEnsemble

PIXELS = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
METHOD = AttentionRelevance()


def found_and_asked(encoder, texts):
    asked = METHOD.ask(encoder, texts, prompts=PromptEnsemble(encoder, ("{}",)))
    return METHOD.maps(encoder, PIXELS, asked), asked


def attended(weights, values, attention):
    mixed = (weights @ values).transpose(1, 2).flatten(2)
    return functional.linear(mixed, attention.out_proj.weight, attention.out_proj.bias)


def written_out(visual, pixels):
    """A ViT in plain torch, whose attention weights are tensors that gradients can be had of."""
    patches = visual.conv1(pixels).flatten(2).transpose(1, 2)
    first = visual.class_embedding.expand(len(pixels), 1, -1)
    stream = visual.ln_pre(torch.cat([first, patches], dim=1) + visual.positional_embedding)
    kept = []
    for block in visual.transformer.resblocks:
        attention, read = block.attn, block.ln_1(stream)
        projected = functional.linear(read, attention.in_proj_weight, attention.in_proj_bias)
        query, key, value = projected.unflatten(2, (3, attention.num_heads, -1)).permute(
            2, 0, 3, 1, 4
        )
        weights = (query @ key.transpose(2, 3) * query.shape[3] ** -0.5).softmax(dim=3)
        kept.append(weights)
        stream = stream + block.ls_1(attended(weights, value, attention))
        stream = stream + block.ls_2(block.mlp(block.ln_2(stream)))
    return visual.ln_post(stream)[:, 0] @ visual.proj, kept


@pytest.mark.parametrize("options", [{}, {"ls_init_value": 0.5}])
def test_it_is_the_published_rule_on_a_vit_written_out(options):
    encoder = small_vit(**options)
    visual = encoder.module.visual
    found, asked = found_and_asked(encoder, ["a", "b"])
    embeddings, weights = written_out(visual, PIXELS)
    assert_close(embeddings, visual(PIXELS), rtol=1e-5, atol=1e-5)
    similarities = functional.normalize(embeddings, dim=1) @ asked.named.T
    assert_close(found.whole, similarities.detach())
    for text in range(2):
        slopes = torch.autograd.grad(similarities[:, text].sum(), weights, retain_graph=True)
        relevance = torch.eye(17).expand(2, 17, 17)
        for own, slope in zip(weights, slopes, strict=True):
            relevance = relevance + (slope * own).clamp(min=0).mean(dim=1) @ relevance
        wanted = relevance[:, 0, 1:].reshape(2, 4, 4).detach()
        assert_close(found.maps[:, text], wanted, rtol=1e-4, atol=1e-7)
    assert found.is_defined.all()


def test_it_is_the_published_rule_on_the_pool_of_a_resnet():
    encoder = tiny_dual_encoder("resnet")
    visual, pool = encoder.module.visual, encoder.module.visual.attnpool
    found, asked = found_and_asked(encoder, ["red circle", "digit 5"])
    maps = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(PIXELS)))))
    cells = maps.flatten(2).transpose(1, 2)
    tokens = torch.cat([cells.mean(dim=1, keepdim=True), cells], dim=1) + pool.positional_embedding
    query, key, value = (
        layer(tokens).unflatten(2, (pool.num_heads, -1)).transpose(1, 2)
        for layer in (pool.q_proj, pool.k_proj, pool.v_proj)
    )
    weights = (query[:, :, :1] @ key.transpose(2, 3) * query.shape[3] ** -0.5).softmax(dim=3)
    embeddings = pool.c_proj((weights @ value).transpose(1, 2).flatten(2))[:, 0]
    similarities = functional.normalize(embeddings, dim=1) @ asked.named.T
    for text in range(2):
        (slope,) = torch.autograd.grad(similarities[:, text].sum(), weights, retain_graph=True)
        wanted = (slope * weights).clamp(min=0).mean(dim=1)[:, 0, 1:].reshape(2, 1, 1).detach()
        assert_close(found.maps[:, text], wanted, rtol=1e-4, atol=1e-7)


def test_large_images_are_taken_in_groups(monkeypatch):
    encoder = small_vit()
    usual, _ = found_and_asked(encoder, ["a", "b"])
    monkeypatch.setattr("seewhy.methods.text_maps.forward._WEIGHTS_AT_ONCE", 1)
    grouped, _ = found_and_asked(encoder, ["a", "b"])
    assert_close(grouped.maps, usual.maps)
    assert grouped.is_defined.shape == (2, 2)


def test_attentions_without_a_say_have_no_relevance():
    """Patches whose attentions add nothing have no gradient; one block with a say is enough."""
    encoder = small_vit(ls_init_value=0.5)
    blocks = encoder.module.visual.transformer.resblocks
    prompts = PromptEnsemble(encoder, ("{}",))
    with torch.no_grad():
        for block in blocks[1:]:
            block.ls_1.gamma.zero_()
    (found,) = METHOD.explain(encoder, [picture()], ["a"], prompts=prompts)
    assert np.isfinite(heat(found)).all()
    with torch.no_grad():
        blocks[0].ls_1.gamma.zero_()
    (found,) = METHOD.explain(encoder, [picture()], ["a"], prompts=prompts)
    assert np.isnan(heat(found)).all()
    assert "for 'a'" in found.provenance["no_gradient"]
