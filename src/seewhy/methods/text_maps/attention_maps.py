"""Where an image tower looks, in its last attention or in all of them: the same for every text."""

from dataclasses import dataclass
from typing import ClassVar

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.attention import attention_weights
from seewhy.methods.text_maps.flows import Row, rolled_out, token_0
from seewhy.methods.text_maps.forward import (
    Cosines,
    Kept,
    cosines,
    embedded,
    image_groups,
    patch_map,
    refuse_without_class_token,
    tower_input,
)
from seewhy.methods.text_maps.method import Asked, TextMapMethod
from seewhy.methods.text_maps.reading import TextMaps, joined
from seewhy.methods.text_maps.tokens import pool_input
from seewhy.models.guard import inference
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.towers import PoolingTower, Tower, TransformerTower, patch_grid
from seewhy.models.towers.positions import positions_at

_BLIND = ("The maps are blind to texts: the same one stands for every text.",)


@dataclass(frozen=True)
class LastAttention(TextMapMethod):
    """What token 0 looks at in the last attention, averaged over the heads; at most 1 in all.

    In a ViT that is the class token in the last block, in a ResNet the mean in the attention pool.
    """

    name: ClassVar[str] = "attention"
    notes: ClassVar[tuple[str, ...]] = _BLIND

    def tower(self, encoder: OpenClipEncoder) -> Tower:
        """Refuse ViTs without a class token to start at."""
        tower = super().tower(encoder)
        refuse_without_class_token(tower, self.name)
        return tower

    def maps(self, encoder: OpenClipEncoder, pixels: Pixels, asked: Asked) -> TextMaps:
        """Computed anew from what the attention reads."""
        tower = self.tower(encoder)
        with inference(encoder.module):
            groups = image_groups(tower, tower_input(tower, pixels))
            return joined([_last_attention(tower, group, asked) for group in groups])


def _last_attention(tower: Tower, pixels: Pixels, asked: Asked) -> TextMaps:
    kept = Kept()
    if isinstance(tower, PoolingTower):
        found = cosines(embedded(tower, pixels, {tower.pool: kept}), asked.named)
        tokens = pool_input(kept.given, positions_at(tower, pixels))
        attention = tower.attention
    else:
        found = cosines(embedded(tower, pixels, {tower.blocks[-1].norm: kept}), asked.named)
        tokens, attention = kept.output, tower.blocks[-1].attention
    row = attention_weights(tokens, attention, by="qk")[:, :, 0].mean(dim=1)
    return _for_every_text(row, found, patch_grid(tower, pixels))


@dataclass(frozen=True)
class AttentionRollout(TextMapMethod):
    """What the class token draws on through all attentions, as if nothing else mixed tokens.

    Source: Abnar and Zuidema, Quantifying Attention Flow in Transformers, ACL 2020.
    """

    name: ClassVar[str] = "rollout"
    notes: ClassVar[tuple[str, ...]] = _BLIND

    def tower(self, encoder: OpenClipEncoder) -> TransformerTower:
        """Refuse towers without blocks to go through."""
        tower = super().tower(encoder)
        if isinstance(tower, PoolingTower):
            raise UsageError(
                f"rollout goes through the attention of every block, and {tower.name} is a ResNet "
                "with one attention at its end. Ask for 'attention', or use a ViT."
            )
        refuse_without_class_token(tower, self.name)
        return tower

    def maps(self, encoder: OpenClipEncoder, pixels: Pixels, asked: Asked) -> TextMaps:
        """Computed anew from what the attentions read."""
        tower = self.tower(encoder)
        with inference(encoder.module):
            groups = image_groups(tower, tower_input(tower, pixels))
            return joined([_rollout(tower, group, asked) for group in groups])


def _rollout(tower: TransformerTower, pixels: Pixels, asked: Asked) -> TextMaps:
    kept = {block.norm: Kept() for block in tower.blocks}
    found = cosines(embedded(tower, pixels, kept), asked.named)
    weights = (
        attention_weights(kept[block.norm].output, block.attention, by="qk")
        for block in reversed(tower.blocks)
    )
    row = rolled_out(token_0(kept[tower.blocks[-1].norm].output), weights)
    return _for_every_text(row, found, patch_grid(tower, pixels))


def _for_every_text(row: Row, found: Cosines, grid: tuple[int, int]) -> TextMaps:
    maps = patch_map(row, grid)[:, None].expand(-1, found.shape[1], -1, -1)
    return TextMaps(maps.cpu().clone(), found.cpu())
