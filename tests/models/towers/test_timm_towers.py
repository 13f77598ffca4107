"""timm's towers that are taken apart, and what is refused, saying why."""

import pytest
import torch
from tests.models.towers.small import TIMM, noise, small, timm_encoder
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.openclip_zoo import build
from seewhy.models.towers import embed_at, image_tower
from seewhy.models.towers.timm_towers import timm_transformer


@pytest.mark.parametrize(
    ("kind", "prefix", "rows", "pooling"),
    [
        ("token", 1, 17, "class-token"),
        ("mean", 0, 16, "mean"),
        ("mean-beside-class-token", 3, 19, "mean"),
        ("registers", 5, 21, "class-token"),
        ("registers-without-position", 5, 16, "class-token"),
        ("siglip", 0, 16, "attention"),
        ("siglip-registers", 1, 17, "attention"),
        ("stem", 1, 16, "class-token"),
    ],
)
def test_prefix_tokens_are_counted_with_and_without_positions(kind, prefix, rows, pooling):
    tower = image_tower(small(kind))
    assert tower.pooling == pooling
    assert tower.prefix == prefix
    assert tower.positions.table.shape == (rows, 64)
    assert tower.positions.grid == (4, 4)
    assert tower.patch == (8, 8)


@pytest.mark.parametrize("kind", TIMM)
def test_a_tower_embeds_as_it_always_does(kind):
    model, pixels = small(kind), noise(2, 3, 32, 32)
    tower = image_tower(model)
    with torch.no_grad():
        wanted = model.module.visual(pixels)
        assert torch.equal(embed_at(tower, pixels, tower.positions.table), wanted)
        copied = embed_at(tower, pixels, tower.positions.table.clone())
    assert_close(copied, wanted)


def test_a_tower_made_for_images_that_are_not_square_has_such_a_grid():
    tower = image_tower(small("token", img_size=(16, 40)))
    assert tower.positions.grid == (2, 5)
    with torch.no_grad():
        embed_at(tower, noise(1, 3, 16, 40), tower.positions.table)


@pytest.mark.parametrize("kind", ["siglip", "siglip-registers"])
def test_a_pool_of_equal_tokens_is_what_is_read_of_each(kind):
    """Weights that sum to one change nothing where all values are the same."""
    model = small(kind)
    visual, token = model.module.visual, noise(1, 1, 64)
    with torch.no_grad():
        tokens = visual.trunk.norm(token).expand(1, 9, -1)
        pooled = visual.head(visual.trunk.forward_head(tokens))
        assert_close(image_tower(model).read(token)[:, 0], pooled)


def test_heads_norms_and_layer_scale_are_the_model_s():
    (scaled, *_), (normed, *_) = (
        image_tower(small(kind)).blocks for kind in ("layer-scale", "query-norm")
    )
    assert scaled.attention.heads == normed.attention.heads == 2
    assert scaled.attention.gain is scaled.module.ls1.gamma
    assert scaled.attention.query_norm is None
    assert normed.attention.query_norm is normed.module.attn.q_norm
    assert normed.attention.key_norm is normed.module.attn.k_norm
    assert normed.attention.gain is normed.attention.query.bias is None


def test_hooks_of_the_user_s_on_the_head_are_not_called_for_patches():
    model, calls = small("siglip"), []
    model.module.visual.trunk.norm.register_forward_hook(lambda *_: calls.append(1))
    image_tower(model).read(noise(1, 3, 64))
    assert not calls


@pytest.mark.parametrize(
    "name", ["vit_tiny_patch16_224", "vit_base_patch16_siglip_224", "vit_base_patch32_clip_224"]
)
def test_published_architectures_are_taken_apart(name):
    """On no device, as only names and shapes count here."""
    pool, width = ("map", 768) if "siglip" in name else ("token", 192 if "tiny" in name else 768)
    settings = {"timm_model_name": name, "timm_pool": pool, "timm_proj": "linear"}
    text = {"context_length": 8, "vocab_size": 20, "width": 16, "heads": 1, "layers": 1}
    with torch.device("meta"):
        module = build({"embed_dim": 32, "vision_cfg": settings, "text_cfg": text})
    tower = timm_transformer(module.visual, name)
    assert len(tower.blocks) == 12
    assert tower.prefix == (0 if "siglip" in name else 1)
    assert tower.blocks[0].attention.output.weight.shape == (width, width)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("convnext_atto", "is timm's ConvNeXt"),
        ("swin_tiny_patch4_window7_224", "is timm's SwinTransformer"),
        ("eva02_tiny_patch14_224", "is timm's Eva"),
        ("vit_relpos_small_patch16_224", "is timm's VisionTransformerRelPos"),
    ],
)
def test_a_trunk_of_another_kind_is_refused(name, why):
    import timm

    model = small("token")
    with torch.device("meta"):
        model.module.visual.trunk = timm.create_model(name, pretrained=False)
    with pytest.raises(UsageError, match=f"{why}. Image towers that can be") as refused:
        timm_transformer(model.module.visual, "mine")
    assert "such as those of open_clip:ViT-B-16/openai" in str(refused.value)


@pytest.mark.parametrize(
    ("trunk", "why"),
    [
        ({"pool": "max"}, "pools by 'max', not by its class token or a mean"),
        ({"pool": ""}, "pools by ''"),
        ({"pool": "prr"}, "pools by a AttentionPoolPrr"),
        ({"pool": "token", "pos_embed": "none"}, "has no learned positions"),
        ({"pool": "token", "scale_attn_norm": True}, "has a norm before the output projection"),
    ],
)
def test_settings_that_do_not_fit_are_refused(trunk, why):
    with pytest.raises(UsageError, match=why):
        image_tower(timm_encoder(**trunk))


def many_embeddings(visual):
    visual.trunk.attn_pool.pool = ""


def positions_of_the_pool(visual):
    visual.trunk.attn_pool.pos_embed = nn.Parameter(torch.zeros(16, 64))


def another_value(visual):
    visual.trunk.attn_pool.kv = nn.Sequential(visual.trunk.attn_pool.kv)


def pool_in_the_head(visual):
    visual.head = nn.Sequential()
    visual.head.add_module("pool", nn.Flatten())


def wrapped_layer(visual):
    visual.trunk.blocks[1].attn.qkv = nn.Sequential(visual.trunk.blocks[1].attn.qkv)


def gate(visual):
    visual.trunk.blocks[1].attn.gate = nn.Linear(64, 64)


def another_scale(visual):
    visual.trunk.blocks[1].ls1 = nn.Linear(64, 64)


def another_attention(visual):
    visual.trunk.blocks[1].attn = nn.Identity()


def another_block(visual):
    visual.trunk.blocks[1] = nn.Identity()


def another_embedding(visual):
    visual.trunk.patch_embed = nn.Conv2d(3, 64, 8, 8)


def too_few_positions(visual):
    visual.trunk.pos_embed = nn.Parameter(torch.zeros(1, 7, 64))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (many_embeddings, "one that gives many embeddings"),
        (positions_of_the_pool, "has an attention pool with positions of its own"),
        (another_value, "has a Sequential in its attention pool"),
        (pool_in_the_head, "pools by a Flatten of open_clip's"),
        (wrapped_layer, r"has a Sequential \(quantised or wrapped\?\) in block 1"),
        (gate, "has a gated attention in block 1"),
        (another_scale, "scales its attention by a Linear in block 1"),
        (another_attention, "has a Identity in block 1"),
        (another_block, "has a Identity in block 1"),
        (another_embedding, "makes its patches by a Conv2d"),
        (too_few_positions, "has 7 positions for 0 prefix tokens and 4 x 4 patches"),
    ],
)
def test_a_tower_that_someone_has_changed_is_refused(change, why):
    model = small("siglip")
    change(model.module.visual)
    with pytest.raises(UsageError, match=why):
        image_tower(model)
