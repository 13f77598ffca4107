"""Towers that can be taken apart are; all others are refused, saying why."""

import pytest
import torch
from tests.models.towers.small import small
from torch import nn
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.openclip_zoo import build
from seewhy.models.preprocessing import Preprocessing
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.towers import embed_at, image_tower, patch_grid
from seewhy.models.vocabulary import WordTokenizer
from seewhy.taps.hooks import on_outputs

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


def test_a_module_without_image_tower_is_refused():
    with pytest.raises(UsageError, match=r"mine has no image tower \(its module is a Linear"):
        image_tower(encoder(nn.Linear(2, 2)))


def test_an_image_tower_that_nobody_knows_is_refused():
    model = built()
    model.module.visual = nn.Sequential(model.module.visual)
    with pytest.raises(UsageError, match=r"is a Sequential\. Image towers that can be") as refused:
        image_tower(model)
    assert "such as those of open_clip:ViT-B-16/openai" in str(refused.value)


@pytest.mark.parametrize("name", ["vit", "resnet", "token"])
def test_pixels_come_in_the_precision_of_the_convolutions(name):
    model = small(name) if name == "token" else tiny_dual_encoder(name)
    model.module.bfloat16()
    tower = image_tower(model)
    with torch.no_grad():
        found = embed_at(tower, noise(1, 3, 32, 32), tower.positions.table)
    assert found.dtype == torch.bfloat16


@pytest.mark.parametrize(("kind", "side"), [("plain", 32), ("siglip", 48)])
def test_compiled_towers_are_heard_like_others(kind, side):
    """In place, around the tower, around the model: listeners are called and see the same."""
    wanted = listened(small(kind), side)
    in_place, around_tower, around_model = small(kind), small(kind), small(kind)
    in_place.module.visual.compile(backend="eager")
    in_place.module.visual(noise(1, 3, 32, 32))
    around_tower.module.visual = torch.compile(around_tower.module.visual, backend="eager")
    compiled = torch.compile(around_model.module, backend="eager")
    for model in (in_place, around_tower, encoder(compiled)):
        assert_close(listened(model, side), wanted)
    assert in_place.module.visual._compiled_call_impl is not None
    assert "_orig_mod" in around_tower.module.visual._modules


@pytest.mark.parametrize("kind", ["plain", "siglip"])
def test_data_parallel_towers_are_heard_like_others(kind):
    wanted = listened(small(kind), 48)
    around_tower, around_model = small(kind), small(kind)
    around_tower.module.visual = nn.DataParallel(around_tower.module.visual)
    for model in (around_tower, encoder(nn.DataParallel(around_model.module))):
        assert_close(listened(model, 48), wanted)
        assert model.encode_texts(["a"]).shape == (1, 16)


def listened(model, side):
    """What the first and last blocks' norms give, then the embedding."""
    tower, heard = image_tower(model), []
    names = [tower.blocks[0].norm, tower.blocks[-1].norm]
    table = tower.positions.table
    rows = table if side == 32 else resized(table, tower.positions.grid, (side // 8, side // 8))
    with torch.no_grad(), on_outputs(tower.visual, dict.fromkeys(names, heard.append)):
        embedding = embed_at(tower, noise(1, 3, side, side), rows)
    return [*heard, embedding]


def resized(table, native, grid):
    """Any rows of the right number will do here."""
    count = len(table) - native[0] * native[1] + grid[0] * grid[1]
    return table.repeat(3, 1)[:count]


def test_parts_compiled_by_themselves_are_refused():
    model = built()
    model.module.visual.transformer = torch.compile(model.module.visual.transformer)
    with pytest.raises(UsageError, match="the part transformer of mine is compiled by itself"):
        image_tower(model)
