"""open_clip's own towers that are taken apart, and what is refused, saying why."""

import pytest
import torch
from tests.models.towers.small import noise, open_clip_encoder, small
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.towers import image_tower


@pytest.mark.parametrize(
    ("kind", "pooling"),
    [("plain", "class-token"), ("open-clip-mean", "mean"), ("coca", "attention")],
)
def test_a_vit_has_a_class_token_a_grid_and_its_blocks(kind, pooling):
    tower = image_tower(small(kind))
    assert tower.pooling == pooling
    assert tower.prefix == 1
    assert tower.positions.grid == (4, 4)
    assert tower.patch == (8, 8)
    assert len(tower.blocks) == 4


def test_an_attentional_pool_of_equal_tokens_is_what_is_read_of_each():
    """Weights that sum to one change nothing where all values are the same."""
    model = small("coca")
    visual, token = model.module.visual, noise(1, 1, 64)
    with torch.no_grad():
        pooled = visual._pool(token.expand(1, 9, -1))[0] @ visual.proj
        assert_close(image_tower(model).read(token)[:, 0], pooled)


@pytest.mark.parametrize(
    ("vision", "why"),
    [
        ({"attentional_pool": "parallel", "attn_pooler_heads": 2}, "attention twice .'parallel'"),
        ({"attentional_pool": "cascade", "attn_pooler_heads": 2}, "attention twice .'cascade'"),
        ({"pool_type": "none"}, "pools by 'none', which gives no single embedding"),
        ({"qk_norm": True}, "has a CustomResidualAttentionBlock as block 0"),
    ],
)
def test_a_tower_of_another_kind_is_refused(vision, why):
    with pytest.raises(UsageError, match=why) as refused:
        image_tower(open_clip_encoder(**vision))
    assert "such as those of open_clip:ViT-B-16/openai" in str(refused.value)


def replaced_attention(visual):
    visual.transformer.resblocks[1].attn = nn.MultiheadAttention(
        64, 2, batch_first=True, add_bias_kv=True
    )


def tokens_first(visual):
    visual.transformer.batch_first = False


def registers(visual):
    visual.positional_embedding = nn.Parameter(torch.zeros(21, 64))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (replaced_attention, "has an unusual MultiheadAttention in block 1"),
        (tokens_first, "keeps its tokens in front of the batch"),
        (registers, "has 21 positions for a class token and 4 x 4 patches"),
    ],
)
def test_a_tower_that_someone_has_changed_is_refused(change, why):
    model = small("plain")
    change(model.module.visual)
    with pytest.raises(UsageError, match=why):
        image_tower(model)


def test_a_resnet_with_another_pool_is_refused():
    model = tiny_dual_encoder("resnet")
    model.module.visual.attnpool.positional_embedding = nn.Parameter(torch.zeros(7, 256))
    with pytest.raises(UsageError, match="no square grid"):
        image_tower(model)
    model.module.visual.attnpool = nn.Flatten()
    with pytest.raises(UsageError, match="is a ModifiedResNet that pools by a Flatten"):
        image_tower(model)


def test_a_resnet_with_a_quantised_pool_is_refused():
    model = tiny_dual_encoder("resnet")
    model.module.visual.attnpool.v_proj = nn.Identity()
    with pytest.raises(UsageError, match="has a Identity in its attention pool"):
        image_tower(model)
