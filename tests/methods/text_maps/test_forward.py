from functools import partial

import pytest
import torch
from tests.methods.text_maps.golden import small_vit
from tests.models.towers.small import small
from torch.nn import functional
from torch.testing import assert_close

from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.attention import attention_weights
from seewhy.methods.text_maps.forward import (
    Kept,
    Leaf,
    LeafOnce,
    channel_maps,
    channel_site,
    cosines,
    embedded,
    gradients,
    image_groups,
    patch_map,
)
from seewhy.methods.text_maps.tokens import pool_input
from seewhy.models.guard import differentiation
from seewhy.models.tiny import tiny_dual_encoder
from seewhy.models.towers import image_tower
from seewhy.models.towers.positions import positions_at


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def vit():
    return tiny_dual_encoder("vit")


@pytest.fixture
def resnet():
    return tiny_dual_encoder("resnet")


def joined(weights, tokens, attention):
    """An attention by its weights, head by head."""
    values = attention.value(tokens).chunk(attention.heads, dim=-1)
    mixed = [weights[:, head] @ own for head, own in enumerate(values)]
    given = attention.output(torch.cat(mixed, dim=-1))
    return given if attention.gain is None else given * attention.gain


@pytest.mark.parametrize(
    "made",
    [
        small_vit,
        partial(small_vit, ls_init_value=0.5),
        partial(small, "query-norm"),
        partial(small, "registers"),
    ],
)
@torch.no_grad()
def test_recomputed_attention_is_what_every_block_adds(made):
    tower = image_tower(made())
    read = {block.norm: Kept() for block in tower.blocks}
    added = {block.added: Kept() for block in tower.blocks}
    embedded(tower, noise(2, 3, 48, 32), read | added)
    for block in tower.blocks:
        tokens = read[block.norm].output
        found = joined(attention_weights(tokens, block.attention, by="qk"), tokens, block.attention)
        assert_close(found, added[block.added].output, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_recomputed_attention_is_what_the_pool_gives(resnet):
    tower = image_tower(resnet)
    pool = Kept()
    pixels = noise(2, 3, 64, 96)
    embedded(tower, pixels, {tower.pool: pool})
    tokens = pool_input(pool.given, positions_at(tower, pixels))
    found = joined(attention_weights(tokens, tower.attention, by="qk"), tokens, tower.attention)
    assert_close(found[:, 0], pool.output, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_embeddings_are_the_encoder_s_own_and_watching_changes_none(kind):
    encoder = tiny_dual_encoder(kind)
    tower, pixels = image_tower(encoder), noise(2, 3, 32, 32)
    wanted = encoder.encode_images(pixels)
    with differentiation(encoder.module):
        assert_close(embedded(tower, pixels, {}), wanted, rtol=1e-5, atol=1e-5)
        for watch in (Kept(), Leaf(), LeafOnce()):
            site = channel_site(tower)
            found = embedded(tower, pixels, {site: watch})
            assert_close(found.detach(), wanted, rtol=1e-5, atol=1e-5)
    with pytest.raises(UsageError, match="no multiple"):
        embedded(tower, noise(1, 3, 33, 32), {})


def test_gradients_begin_at_a_leaf_and_pass_through_later_ones(vit):
    tower, first, last = image_tower(vit), LeafOnce(), LeafOnce()
    watched = {tower.blocks[0].added: first, tower.blocks[-1].added: last}
    texts = functional.normalize(noise(2, 16), dim=-1)
    with differentiation(vit.module):
        found = cosines(embedded(tower, noise(1, 3, 32, 32), watched), texts)
        both = list(gradients(found, [first.output, last.output]))
        assert first.output.is_leaf
        assert not last.output.is_leaf
        cut = Leaf()
        watched[tower.blocks[-1].added] = cut
        found = cosines(embedded(tower, noise(1, 3, 32, 32), watched), texts)
        after = list(gradients(found, [first.output, cut.output]))
    for (begun, passed), (without, same) in zip(both, after, strict=True):
        assert_close(passed, same)
        # What the first block adds stays in the stream beside the last attention, too.
        assert (begun - without).abs().max() > 1e-6


def test_gradients_are_those_of_one_text_after_the_other():
    leaf = functional.normalize(noise(3, 4), dim=-1).requires_grad_()
    unused = noise(2).requires_grad_()
    texts = noise(2, 4, seed=1)
    for text, (own, none) in zip(
        texts, gradients(cosines(leaf, texts), [leaf, unused]), strict=True
    ):
        assert_close(own, text.expand(3, 4))
        assert not none.any()


def test_tokens_become_maps_row_by_row_without_their_prefix():
    tokens = torch.arange(8.0).reshape(1, 8, 1)
    assert channel_maps(tokens, (2, 3))[0, 0].tolist() == [[2, 3, 4], [5, 6, 7]]
    assert patch_map(tokens[..., 0], (3, 2))[0].tolist() == [[2, 3], [4, 5], [6, 7]]
    maps = noise(1, 2, 3, 4)
    assert channel_maps(maps, (3, 4)) is maps


def test_groups_of_images_keep_attention_weights_small(vit, resnet, monkeypatch):
    pixels = noise(5, 3, 64, 32)
    monkeypatch.setattr("seewhy.methods.text_maps.forward._WEIGHTS_AT_ONCE", 2 * 2 * 33**2)
    assert [len(group) for group in image_groups(image_tower(vit), pixels)] == [2, 2, 1]
    assert len(image_groups(image_tower(resnet), pixels)) == 1
    monkeypatch.setattr("seewhy.methods.text_maps.forward._WEIGHTS_AT_ONCE", 1)
    assert len(image_groups(image_tower(vit), pixels)) == 5


def test_channels_are_counted_from_the_last_block(vit, resnet):
    assert channel_site(image_tower(vit)) == "transformer.resblocks.4.ln_1"
    assert channel_site(image_tower(vit), 2) == "transformer.resblocks.3.ln_1"
    assert channel_site(image_tower(resnet)) == "layer4"
