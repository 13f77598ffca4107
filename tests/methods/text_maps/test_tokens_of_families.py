"""The same laws of patch tokens for image towers of all families."""

import pytest
import torch
from tests.models.towers.small import ONE_OF_EACH, TIMM, TOWERS, noise, small, timm_encoder
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.attention import attention_weights, rerouted
from seewhy.methods.text_maps.tokens import Surgery, raw_tokens, surgery_tokens
from seewhy.models.guard import fingerprint
from seewhy.models.towers import image_tower
from seewhy.models.towers.positions import resized_positions
from seewhy.taps.hooks import on_outputs

TOLERANCE = {"rtol": 1e-4, "atol": 2e-5}
SURGERY = Surgery(depth=3)

every_tower = pytest.mark.parametrize("kind", TOWERS)
one_of_each = pytest.mark.parametrize("kind", ONE_OF_EACH)


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


def outputs(tower, pixels, names):
    """What submodules give in the tower's own forward pass, and its embedding."""
    found = {}
    with on_outputs(tower.visual, {name: lambda x, n=name: found.update({n: x}) for name in names}):
        embedding = tower.visual(pixels)
    return found, embedding[0] if isinstance(embedding, tuple) else embedding


@every_tower
def test_query_and_key_give_what_the_blocks_own_attention_adds(kind):
    tower = image_tower(small(kind))
    names = [name for block in tower.blocks for name in (block.norm, block.added)]
    found, _ = outputs(tower, noise(2, 3, 32, 32), names)
    for block in tower.blocks:
        wanted = found[block.added]
        assert_close(rerouted(found[block.norm], block.attention, by="qk"), wanted, **TOLERANCE)


@every_tower
def test_both_kinds_of_tokens_keep_the_model_s_own_embedding(kind):
    encoder, pixels = small(kind), noise(2, 3, 32, 32)
    wanted = encoder.module.encode_image(pixels)
    for found in (
        raw_tokens(image_tower(encoder), pixels),
        surgery_tokens(image_tower(encoder), pixels, SURGERY),
    ):
        assert_close(found.embeddings, wanted)
        assert found.patches.shape == (2, 4, 4, wanted.shape[1])


@every_tower
def test_where_the_class_token_is_pooled_it_is_read_as_the_embedding(kind):
    tower = image_tower(small(kind))
    found, embedding = outputs(tower, noise(2, 3, 32, 32), [tower.stream])
    of_token_0 = tower.read(found[tower.stream])[:, 0]
    is_the_same = torch.allclose(of_token_0, embedding, **TOLERANCE)
    assert is_the_same == (tower.pooling == "class-token")


@pytest.mark.parametrize(
    "kind", ["mean-normed-before", "mean-beside-class-token", "open-clip-mean"]
)
def test_the_mean_of_raw_patches_is_the_embedding_where_the_model_takes_the_mean(kind):
    tower = image_tower(small(kind))
    found = raw_tokens(tower, noise(2, 3, 32, 32))
    assert_close(found.patches.mean(dim=(1, 2)), found.embeddings, **TOLERANCE)


def test_where_prefix_tokens_belong_to_the_mean_it_is_over_all_of_them():
    tower = image_tower(small("mean-of-all"))
    found, embedding = outputs(tower, noise(2, 3, 32, 32), [tower.stream])
    assert_close(tower.read(found[tower.stream]).mean(dim=1), embedding, **TOLERANCE)


@pytest.mark.parametrize("kind", ["mean", "mean-normed-before", "dynamic", "siglip"])
def test_a_single_patch_is_the_whole_image_without_prefix_tokens(kind):
    found = raw_tokens(image_tower(small(kind)), noise(2, 3, 8, 8))
    assert_close(found.patches[:, 0, 0], found.embeddings, **TOLERANCE)


@pytest.mark.parametrize("kind", ["siglip", "siglip-registers"])
def test_a_pool_with_a_latent_query_takes_one_patch_at_a_time(kind):
    encoder, pixels = small(kind), noise(2, 3, 32, 32)
    tower, visual = image_tower(encoder), encoder.module.visual
    found, _ = outputs(tower, pixels, ["trunk.norm"])
    patches = found["trunk.norm"][:, tower.prefix :]
    alone = [visual.head(visual.trunk.attn_pool(patch[:, None])) for patch in patches.unbind(1)]
    wanted = torch.stack(alone, dim=1).unflatten(1, (4, 4))
    assert_close(raw_tokens(tower, pixels).patches, wanted, **TOLERANCE)


@pytest.mark.parametrize("kind", ["coca", "coca-as-wide-as-the-tower"])
def test_an_attentional_pooler_takes_one_patch_at_a_time(kind):
    encoder, pixels = small(kind), noise(2, 3, 32, 32)
    tower, visual = image_tower(encoder), encoder.module.visual
    found, _ = outputs(tower, pixels, ["transformer"])
    patches = found["transformer"][:, 1:].unbind(1)
    alone = [visual._pool(patch[:, None])[0] @ visual.proj for patch in patches]
    wanted = torch.stack(alone, dim=1).unflatten(1, (4, 4))
    assert_close(raw_tokens(tower, pixels).patches, wanted, **TOLERANCE)


def walk(trunk, pixels, *, depth):
    """Two streams of a timm trunk, block by block, with attention spelled out."""
    old = trunk.norm_pre(trunk._pos_embed(trunk.patch_embed(pixels)))
    for block in trunk.blocks[:-depth]:
        old = block(old)
    new = old
    for block in trunk.blocks[-depth:]:
        values = block.attn.qkv(block.norm1(old)).chunk(3, dim=-1)[2]
        values = values.unflatten(2, (block.attn.num_heads, -1))
        like = torch.einsum("bthd,bshd->bhts", values, values) * values.shape[-1] ** -0.5
        mixed = torch.einsum("bhts,bshd->bthd", like.softmax(dim=-1), values).flatten(2)
        new = new + block.ls1(block.attn.proj(mixed))
        old = block(old)
    return trunk.norm(new)[:, trunk.num_prefix_tokens :]


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("kind", TIMM)
def test_surgery_is_a_walk_through_the_blocks(kind, depth):
    encoder, pixels = small(kind), noise(2, 3, 32, 32)
    visual = encoder.module.visual
    patches = walk(visual.trunk, pixels, depth=depth)
    if visual.trunk.attn_pool is None:
        wanted = visual.head(visual.trunk.head(visual.trunk.fc_norm(patches)))
    else:
        alone = [visual.trunk.attn_pool(patch[:, None]) for patch in patches.unbind(1)]
        wanted = visual.head(torch.stack(alone, dim=1))
    found = surgery_tokens(image_tower(encoder), pixels, Surgery(depth=depth))
    assert_close(found.patches, wanted.unflatten(1, (4, 4)), **TOLERANCE)


@one_of_each
@pytest.mark.parametrize("grid", [(4, 4), (3, 5), (1, 1)])
def test_a_batch_is_its_images_one_by_one_at_any_grid(kind, grid):
    tower = image_tower(small(kind))
    pixels = noise(2, 3, *(rows * step for rows, step in zip(grid, tower.patch, strict=True)))
    together = surgery_tokens(tower, pixels, SURGERY)
    assert together.patches.shape[1:3] == grid
    for number in range(2):
        alone = surgery_tokens(tower, pixels[number : number + 1], SURGERY)
        assert_close(alone.patches[0], together.patches[number], **TOLERANCE)
        assert_close(alone.embeddings[0], together.embeddings[number], **TOLERANCE)


@pytest.mark.parametrize("kind", [kind for kind in TIMM if kind != "stem"])
def test_another_size_is_a_tower_made_for_it_with_resized_positions(kind):
    encoder, other = small(kind), small(kind, img_size=(24, 40))
    weights = encoder.module.visual.state_dict()
    held = image_tower(encoder).positions
    rows = resized_positions(held.table, held.grid, (3, 5))
    other.module.visual.load_state_dict(weights | {held.name: rows[None]})
    pixels = noise(2, 3, 24, 40)
    found = surgery_tokens(image_tower(encoder), pixels, SURGERY)
    assert_close(found.embeddings, other.module.encode_image(pixels), **TOLERANCE)
    wanted = surgery_tokens(image_tower(other), pixels, SURGERY)
    assert_close(found.patches, wanted.patches, **TOLERANCE)


@one_of_each
def test_the_model_is_left_as_it_was_at_every_size_and_after_errors(kind):
    encoder = small(kind)
    before = fingerprint(encoder.module)
    embedding = getattr(getattr(encoder.module.visual, "trunk", None), "patch_embed", None)
    settings = dict(vars(embedding)) if embedding else {}
    first = surgery_tokens(image_tower(encoder), noise(1, 3, 32, 32), SURGERY)
    surgery_tokens(image_tower(encoder), noise(1, 3, 16, 40), SURGERY)
    again = surgery_tokens(image_tower(encoder), noise(1, 3, 32, 32), SURGERY)
    assert torch.equal(first.patches, again.patches)

    def fail(*_):
        raise RuntimeError("planted")

    tower = image_tower(encoder)
    handle = tower.visual.get_submodule(tower.blocks[-1].norm).register_forward_hook(fail)
    for side in (32, 48):
        with pytest.raises(RuntimeError, match="planted"):
            surgery_tokens(tower, noise(1, 3, side, side), SURGERY)
        with pytest.raises(RuntimeError, match="planted"):
            raw_tokens(tower, noise(1, 3, side, side))
    handle.remove()
    assert fingerprint(encoder.module) == before
    assert not embedding or vars(embedding) == settings


@pytest.mark.parametrize("side", [32, 48])
@one_of_each
def test_gradients_flow_to_pixels_and_positions(kind, side):
    encoder = small(kind)
    tower = image_tower(encoder)
    parameter = encoder.module.visual.get_parameter(tower.positions.name)
    pixels = noise(1, 3, side, side).requires_grad_()
    with torch.enable_grad():
        total = surgery_tokens(tower, pixels, SURGERY).patches.square().sum()
        of_pixels, of_positions = torch.autograd.grad(total, [pixels, parameter])
    assert of_pixels.abs().max() > 0
    assert of_positions.abs().max() > 0


@pytest.mark.parametrize("kind", ["token", "siglip", "coca"])
def test_gradients_are_the_same_when_blocks_are_computed_twice_to_save_memory(kind):
    encoder, found = small(kind), []
    for saving in (False, True):
        encoder.module.set_grad_checkpointing(saving)
        for tokens_of in (raw_tokens, lambda *given: surgery_tokens(*given, SURGERY)):
            pixels = noise(1, 3, 32, 32).requires_grad_()
            with torch.enable_grad():
                total = tokens_of(image_tower(encoder), pixels).patches.square().sum()
                found += torch.autograd.grad(total, [pixels])
    assert_close(found[2:], found[:2])


@pytest.mark.parametrize("kind", ["query-norm", "layer-scale", "plain"])
@pytest.mark.parametrize("by", ["vv", "unit-vv", "qq", "kk", "qk", "identity"])
def test_weights_that_fused_kernels_hide_are_those_that_mix(kind, by):
    block = image_tower(small(kind)).blocks[0]
    own = block.attention
    tokens = noise(2, 5, own.query.weight.shape[1], seed=3)
    weights = attention_weights(tokens, own, by=by)
    assert_close(weights.sum(dim=-1), torch.ones(2, own.heads, 5))
    wanted = own.joined(weights @ own.values(tokens))
    assert_close(rerouted(tokens, own, by=by), wanted, **TOLERANCE)


def test_weights_are_those_of_timm_s_attention_that_is_not_fused():
    encoder = small("query-norm")
    attention, seen = encoder.module.visual.trunk.blocks[0].attn, []
    attention.fused_attn = False
    attention.attn_drop.register_forward_hook(lambda _module, _given, weights: seen.append(weights))
    tokens = noise(2, 5, 64)
    attention(tokens)
    own = image_tower(encoder).blocks[0].attention
    assert_close(attention_weights(tokens, own, by="qk"), seen[0])


@pytest.mark.parametrize("side", [32, 48])
@pytest.mark.parametrize("kind", ["query-norm", "siglip", "registers", "coca", "stem"])
def test_lower_precision_is_close(kind, side):
    encoder, pixels = small(kind), noise(2, 3, side, side)
    wanted = surgery_tokens(image_tower(encoder), pixels, SURGERY)
    found = []
    with torch.autocast("cpu", torch.bfloat16):
        found.append(surgery_tokens(image_tower(encoder), pixels, SURGERY))
    for dtype in (torch.bfloat16, torch.float16):
        encoder.module.to(dtype)
        found.append(surgery_tokens(image_tower(encoder), pixels.to(dtype), SURGERY))
        encoder.module.float()
    for each in found:
        for name in ("patches", "embeddings"):
            full, low = getattr(wanted, name), getattr(each, name).float()
            assert (low - full).norm() / full.norm() < 0.05


def test_open_clip_s_low_precision_keeps_some_weights_in_float32():
    from open_clip.model import convert_weights_to_lp

    encoder, pixels = small("plain"), noise(2, 3, 48, 48)
    wanted = surgery_tokens(image_tower(encoder), pixels, SURGERY).patches
    for_halves(encoder.module.visual)
    convert_weights_to_lp(encoder.module, torch.float16)
    assert encoder.module.visual.class_embedding.dtype == torch.float32
    found = surgery_tokens(image_tower(encoder), pixels, SURGERY).patches
    assert found.dtype == torch.float16
    assert (found.float() - wanted).norm() / wanted.norm() < 0.02
    encoder.encode_images(noise(2, 3, 32, 32))


def for_halves(visual):
    """Norms as open_clip builds them where its weights are to be halves."""
    from open_clip.transformer import LayerNorm, LayerNormFp32

    for module in visual.modules():
        if type(module) is LayerNorm:
            module.__class__ = LayerNormFp32


@one_of_each
def test_inference_mode_gives_the_same(kind):
    encoder = small(kind)
    for side in (32, 48):
        wanted = surgery_tokens(image_tower(encoder), noise(1, 3, side, side), SURGERY)
        with torch.inference_mode():
            found = surgery_tokens(image_tower(encoder), noise(1, 3, side, side), SURGERY)
        assert torch.equal(found.patches, wanted.patches)


def test_a_tower_taken_apart_in_inference_mode_has_gradients_later():
    encoder = small("token")
    with torch.inference_mode():
        tower = image_tower(encoder)
    pixels = noise(1, 3, 48, 48).requires_grad_()
    with torch.enable_grad():
        surgery_tokens(tower, pixels, SURGERY).patches.square().sum().backward()
    assert encoder.module.visual.trunk.pos_embed.grad.abs().max() > 0


@pytest.mark.parametrize("rate", ["pos_drop_rate", "attn_drop_rate", "proj_drop_rate"])
@pytest.mark.parametrize("kind", ["token", "siglip"])
def test_dropout_is_refused_only_while_it_drops(kind, rate):
    encoder, pixels = small(kind, **{rate: 0.5}), noise(1, 3, 32, 32)
    wanted = surgery_tokens(image_tower(encoder), pixels, SURGERY)
    encoder.module.train()
    for tokens_of in (raw_tokens, lambda *given: surgery_tokens(*given, SURGERY)):
        with pytest.raises(UsageError, match="Put it in evaluation mode"):
            tokens_of(image_tower(encoder), pixels)
    encoder.module.eval()
    assert torch.equal(
        surgery_tokens(image_tower(encoder), pixels, SURGERY).patches, wanted.patches
    )


@one_of_each
def test_training_mode_without_chance_gives_the_same(kind):
    encoder, pixels = small(kind), noise(1, 3, 32, 32)
    wanted = surgery_tokens(image_tower(encoder), pixels, SURGERY)
    encoder.module.train()
    if kind == "stem":
        with pytest.raises(UsageError, match="the rest of the batch"):
            surgery_tokens(image_tower(encoder), pixels, SURGERY)
    else:
        found = surgery_tokens(image_tower(encoder), pixels, SURGERY)
        assert_close(found.patches, wanted.patches)


def test_tokens_that_get_lost_are_noticed():
    encoder = timm_encoder("token")
    encoder.module.visual.trunk.norm_pre.register_forward_hook(lambda *call: call[2][:, :-1])
    with pytest.raises(UsageError, match="gave 15 patches for a grid of 4 x 4"):
        surgery_tokens(image_tower(encoder), noise(1, 3, 32, 32), SURGERY)
