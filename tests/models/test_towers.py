"""Towers that can be taken apart are; all others are refused, saying why."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.openclip_zoo import build
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.towers import embed_at, image_tower, patch_grid
from seewhy.models.vocabulary import WordTokenizer

TEXT = {"context_length": 8, "vocab_size": 20, "width": 16, "heads": 1, "layers": 1}
VIT = {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16}


def encoder(module):
    return OpenClipEncoder(
        module.eval(),
        preprocess=Preprocessing(32),
        tokenizer=WordTokenizer(("a",), 8),
        name="mine",
    )


def built(**vision):
    return encoder(build({"embed_dim": 16, "vision_cfg": VIT | vision, "text_cfg": TEXT}))


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["vit", "resnet"])
def test_a_tower_embeds_as_it_always_does(name):
    model = tiny_dual_encoder(name)
    tower = image_tower(model)
    pixels = noise(2, 3, 32, 32)
    with torch.no_grad():
        found = embed_at(tower, pixels, tower.positions.table)
        assert torch.equal(found, model.module.visual(pixels))
        copied = embed_at(tower, pixels, tower.positions.table.clone())
    assert_close(copied, found)


def test_a_tower_that_gives_its_tokens_too_embeds_the_same():
    model = tiny_dual_encoder("vit")
    tower, pixels = image_tower(model), noise(1, 3, 32, 32)
    wanted = embed_at(tower, pixels, tower.positions.table)
    model.module.visual.output_tokens = True
    assert torch.equal(embed_at(tower, pixels, tower.positions.table), wanted)


def test_positions_count_as_gradients_do():
    tower = image_tower(tiny_dual_encoder("vit"))
    shifted = (tower.positions.table + 1.0).detach().requires_grad_()
    embed_at(tower, noise(1, 3, 32, 32), shifted).sum().backward()
    assert shifted.grad.abs().max() > 0


def test_without_projection_tokens_stay_as_wide_as_the_tower():
    model = built()
    model.module.visual.proj = None
    tokens = noise(1, 3, 32)
    assert_close(image_tower(model).read(tokens), model.module.visual.ln_post(tokens))


def test_towers_beside_a_text_tower_of_its_own_are_the_same():
    config = {"embed_dim": 16, "vision_cfg": VIT, "text_cfg": TEXT, "custom_text": True}
    assert len(image_tower(encoder(build(config))).blocks) == 2


def test_heads_and_layer_scale_are_the_model_s():
    tower = image_tower(built(ls_init_value=0.25))
    assert [block.attention.heads for block in tower.blocks] == [2, 2]
    assert_close(tower.blocks[1].attention.gain, torch.full((32,), 0.25))
    assert image_tower(built()).blocks[0].attention.gain is None


def test_attention_can_be_differentiated_also_where_its_tower_was_not():
    model = built()
    with torch.no_grad():
        tower = image_tower(model)
    tower.blocks[0].attention.value(noise(1, 32)).sum().backward()
    gradient = model.module.visual.transformer.resblocks[0].attn.in_proj_weight.grad
    assert not gradient[:64].any()
    assert gradient[64:].abs().max() > 0


def test_grids_count_rows_first():
    assert patch_grid(image_tower(built()), noise(1, 3, 16, 40)) == (2, 5)
    assert patch_grid(image_tower(tiny_dual_encoder("resnet")), noise(1, 3, 64, 32)) == (2, 1)


@pytest.mark.parametrize(
    ("vision", "why"),
    [
        ({"attentional_pool": True, "attn_pooler_heads": 2}, "pools by attention"),
        ({"pool_type": "avg"}, "pools by 'avg', not by its class token"),
        ({"pool_type": "none"}, "pools by 'none'"),
        ({"qk_norm": True}, "has a CustomResidualAttentionBlock as block 0"),
        (
            {"timm_model_name": "vit_tiny_patch16_224", "patch_size": 16, "image_size": 224},
            "is a VisionTransformer. Image towers that can",
        ),
    ],
)
def test_a_tower_of_another_kind_is_refused(vision, why):
    with pytest.raises(UsageError, match=why) as refused:
        image_tower(built(**vision))
    assert "such as those of open_clip:ViT-B-16/openai" in str(refused.value)


def replaced_attention(visual):
    visual.transformer.resblocks[1].attn = nn.MultiheadAttention(
        32, 2, batch_first=True, add_bias_kv=True
    )


def tokens_first(visual):
    visual.transformer.batch_first = False


def registers(visual):
    visual.positional_embedding = nn.Parameter(torch.zeros(21, 32))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (replaced_attention, "has an unusual MultiheadAttention in block 1"),
        (tokens_first, "keeps its tokens in front of the batch"),
        (registers, "has 21 positions for a class token and 4 x 4 patches"),
    ],
)
def test_a_tower_that_someone_has_changed_is_refused(change, why):
    model = built()
    change(model.module.visual)
    with pytest.raises(UsageError, match=why):
        image_tower(model)


def test_a_resnet_with_another_pool_is_refused():
    model = tiny_dual_encoder("resnet")
    model.module.visual.attnpool.positional_embedding = nn.Parameter(torch.zeros(7, 256))
    with pytest.raises(UsageError, match="no square grid"):
        image_tower(model)
    model.module.visual.attnpool = nn.Flatten()
    with pytest.raises(UsageError, match="is a ModifiedResNet"):
        image_tower(model)


def test_a_module_without_image_tower_is_refused():
    with pytest.raises(UsageError, match="mine has no image tower"):
        image_tower(encoder(nn.Linear(2, 2)))
