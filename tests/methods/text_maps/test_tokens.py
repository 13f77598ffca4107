import pytest
import torch
from tests.methods.text_maps.golden import TOLERANCE, golden_encoder, patches, small_vit, tensor
from torch.nn import functional
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.tokens import Surgery, raw_tokens, surgery_tokens
from seewhy.models.guard import fingerprint
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.towers import image_tower


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def assert_tokens(found, stored):
    assert_close(found.embeddings, stored[:, 0], **TOLERANCE)
    assert_close(found.patches, patches(stored), **TOLERANCE)


@pytest.fixture(scope="module")
def vit():
    return image_tower(golden_encoder("vit"))


@pytest.fixture(scope="module")
def resnet():
    return image_tower(golden_encoder("resnet"))


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


@pytest.mark.parametrize("side", [64, 96])
def test_rerouted_tokens_of_a_vit_are_the_stored_ones(vit, side):
    found = surgery_tokens(vit, tensor("vit", f"image_{side}"), Surgery())
    assert_tokens(found, tensor("vit", f"surgery_tokens_{side}"))


@pytest.mark.parametrize("depth", [1, 3, 8])
def test_any_depth_gives_the_stored_tokens(vit, depth):
    found = surgery_tokens(vit, tensor("vit", "image_64")[:1], Surgery(depth=depth))
    assert_tokens(found, tensor("vit", f"surgery_tokens_64_depth{depth}"))


@pytest.mark.parametrize("side", [64, 96])
def test_raw_tokens_of_a_vit_are_the_stored_ones(vit, side):
    stored = tensor("vit", f"raw_tokens_{side}")
    assert_tokens(raw_tokens(vit, tensor("vit", f"image_{side}")[: len(stored)]), stored)


@pytest.mark.parametrize("side", [96, 160])
@pytest.mark.parametrize("pool", ["released", "resnet_setting"])
def test_rerouted_tokens_of_a_resnet_are_the_stored_ones(resnet, side, pool):
    found = surgery_tokens(resnet, tensor("resnet", f"image_{side}"), Surgery(pool=pool))
    assert_tokens(found, tensor("resnet", f"surgery_tokens_{side}_{pool}"))


@pytest.mark.parametrize("side", [96, 160])
def test_a_faithful_resnet_keeps_its_image_embedding(resnet, side):
    found = surgery_tokens(resnet, tensor("resnet", f"image_{side}"), Surgery())
    raw = tensor("resnet", f"raw_tokens_{side}")
    assert_close(found.embeddings, raw[:, 0], **TOLERANCE)
    rerouted = tensor("resnet", f"surgery_tokens_{side}_resnet_setting")
    assert_close(found.patches, patches(rerouted), **TOLERANCE)
    assert_tokens(raw_tokens(resnet, tensor("resnet", f"image_{side}")), raw)


def slow_surgery(visual, pixels, depth):
    """Two streams walked block by block, for the native grid; attention spelled out."""
    old = visual._embeds(pixels)
    blocks = visual.transformer.resblocks
    for block in blocks[:-depth]:
        old = block(old)
    new = old
    for block in blocks[-depth:]:
        heads = block.attn.num_heads
        values = functional.linear(
            block.ln_1(old),
            block.attn.in_proj_weight.chunk(3)[2],
            block.attn.in_proj_bias.chunk(3)[2],
        ).unflatten(2, (heads, -1))
        like = torch.einsum("bthd,bshd->bhts", values, values) * values.shape[-1] ** -0.5
        mixed = torch.einsum("bhts,bshd->bthd", like.softmax(dim=-1), values).flatten(2)
        new = new + block.ls_1(block.attn.out_proj(mixed))
        old = block(old)
    tokens = torch.cat([old[:, :1], new[:, 1:]], dim=1)
    return visual.ln_post(tokens) @ visual.proj


@pytest.mark.parametrize("vision", [{}, {"ls_init_value": 0.3}, {"no_ln_pre": True}])
def test_it_is_a_walk_through_the_blocks(vision):
    encoder = small_vit(**vision)
    pixels = noise(2, 3, 32, 32)
    found = surgery_tokens(image_tower(encoder), pixels, Surgery(depth=3))
    assert_tokens(found, slow_surgery(encoder.module.visual, pixels, 3))


def test_values_that_are_not_mixed_add_up_by_hand(vit):
    """Depth 1 with "identity" is the MaskCLIP-like variant: n + OutProj(v)."""
    visual, pixels = vit.visual, tensor("vit", "image_64")
    stream = visual._embeds(pixels)
    for block in visual.transformer.resblocks[:-1]:
        stream = block(stream)
    last = visual.transformer.resblocks[-1]
    weight, bias = last.attn.in_proj_weight[128:], last.attn.in_proj_bias[128:]
    new = stream + last.attn.out_proj(functional.linear(last.ln_1(stream), weight, bias))
    wanted = visual.ln_post(new) @ visual.proj
    found = surgery_tokens(vit, pixels, Surgery(depth=1, attention="identity"))
    assert_close(found.patches, patches(wanted), **TOLERANCE)


@pytest.mark.parametrize("tower", ["vit", "resnet"])
@pytest.mark.parametrize("grid", [(4, 4), (3, 5), (1, 1), (1, 7)])
def test_a_batch_is_its_images_one_by_one_at_any_grid(tower, grid):
    parts = image_tower(tiny_dual_encoder(tower))
    pixels = noise(3, 3, *(rows * step for rows, step in zip(grid, parts.patch, strict=True)))
    surgery = Surgery(depth=4)
    together = surgery_tokens(parts, pixels, surgery)
    assert together.patches.shape[1:3] == grid
    for number in range(3):
        alone = surgery_tokens(parts, pixels[number : number + 1], surgery)
        assert_close(alone.patches[0], together.patches[number], **TOLERANCE)
        assert_close(alone.embeddings[0], together.embeddings[number], **TOLERANCE)


@pytest.mark.parametrize("tower", ["vit", "resnet"])
def test_the_order_of_sizes_does_not_matter_and_the_model_is_left_alone(tower):
    encoder = tiny_dual_encoder(tower)
    before = fingerprint(encoder.module)
    parts = image_tower(encoder)
    sizes = (32, 64, 32, 96)
    found = [surgery_tokens(parts, noise(1, 3, side, side), Surgery(depth=2)) for side in sizes]
    assert torch.equal(found[0].patches, found[2].patches)
    fresh = image_tower(tiny_dual_encoder(tower))
    again = surgery_tokens(fresh, noise(1, 3, 96, 96), Surgery(depth=2))
    assert torch.equal(again.patches, found[3].patches)
    assert fingerprint(encoder.module) == before


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("tower", ["vit", "resnet"])
def test_an_error_on_the_way_leaves_nothing_behind(tower, side):
    encoder = tiny_dual_encoder(tower)
    broken = encoder.module.visual.get_submodule("ln_pre" if tower == "vit" else "layer3")

    def fail(*_):
        raise RuntimeError("planted")

    handle = broken.register_forward_hook(fail)
    table = image_tower(encoder).positions.table
    with pytest.raises(RuntimeError, match="planted"):
        surgery_tokens(image_tower(encoder), noise(1, 3, side, side), Surgery(depth=2))
    handle.remove()
    assert image_tower(encoder).positions.table is table
    assert fingerprint(encoder.module) == fingerprint(tiny_dual_encoder(tower).module)


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("tower", ["vit", "resnet"])
def test_gradients_flow_to_pixels_and_positions(tower, side):
    parts = image_tower(tiny_dual_encoder(tower))
    pixels = noise(1, 3, side, side).requires_grad_()
    with torch.enable_grad():
        total = surgery_tokens(parts, pixels, Surgery(depth=2)).patches.square().sum()
        of_pixels, of_positions = torch.autograd.grad(total, [pixels, parts.positions.table])
    assert of_pixels.abs().max() > 0
    assert of_positions[1:].abs().max() > 0


@pytest.mark.parametrize("side", [32, 64])
def test_gradients_are_the_same_when_blocks_are_computed_twice_to_save_memory(side):
    encoder, found = tiny_dual_encoder("vit"), []
    for saving in (False, True):
        encoder.module.set_grad_checkpointing(saving)
        pixels = noise(1, 3, side, side).requires_grad_()
        with torch.enable_grad():
            tokens = surgery_tokens(image_tower(encoder), pixels, Surgery(depth=2))
            found += torch.autograd.grad(tokens.patches.square().sum(), [pixels])
    assert_close(found[1], found[0])


@pytest.mark.parametrize("tower", ["vit", "resnet"])
def test_hooks_of_the_user_are_called_once_and_count(tower):
    encoder, calls = tiny_dual_encoder(tower), []
    last = encoder.module.visual.get_submodule("ln_post" if tower == "vit" else "attnpool")
    last.register_forward_hook(lambda *_: calls.append(1))
    first = encoder.module.visual.conv1
    plain = surgery_tokens(image_tower(encoder), noise(1, 3, 32, 32), Surgery(depth=2))
    first.register_forward_hook(lambda _module, _given, output: output.flip(-1))
    edited = surgery_tokens(image_tower(encoder), noise(1, 3, 32, 32), Surgery(depth=2))
    assert len(calls) == 2
    assert (edited.patches - plain.patches).abs().max() > 0
    assert len(first._forward_hooks) == len(last._forward_hooks) == 1


@pytest.mark.parametrize("tower", ["vit", "resnet"])
def test_half_precision_is_close(tower):
    encoder = tiny_dual_encoder(tower)
    pixels = noise(2, 3, 64, 64)
    wanted = surgery_tokens(image_tower(encoder), pixels, Surgery(depth=2)).patches
    with torch.autocast("cpu", torch.bfloat16):
        mixed = surgery_tokens(image_tower(encoder), pixels, Surgery(depth=2)).patches
    encoder.module.bfloat16()
    half = surgery_tokens(image_tower(encoder), pixels.bfloat16(), Surgery(depth=2)).patches
    for found in (mixed, half):
        error = (found.float() - wanted).norm() / wanted.norm()
        assert error < 0.05


@pytest.mark.parametrize("depth", [0, -1, 6])
def test_a_depth_that_is_not_there_is_refused(depth):
    parts = image_tower(tiny_dual_encoder("vit"))
    with pytest.raises(UsageError, match="Use a depth of 1 to 5"):
        surgery_tokens(parts, noise(1, 3, 32, 32), Surgery(depth=depth))


@pytest.mark.parametrize("tower", ["vit", "resnet"])
def test_pixels_that_would_be_cut_off_are_refused(tower):
    parts = image_tower(tiny_dual_encoder(tower))
    with pytest.raises(UsageError, match=r"no multiple of them\. Use 64 x 32"):
        surgery_tokens(parts, noise(1, 3, 65, 30), Surgery(depth=1))


def test_patches_that_were_dropped_are_refused():
    encoder = small_vit(patch_dropout=0.5)
    encoder.module.train()
    with pytest.raises(UsageError, match="evaluation mode"):
        surgery_tokens(image_tower(encoder), noise(1, 3, 32, 32), Surgery(depth=1))
