"""Relevance through all attentions of an image tower, weighted by gradients, text by text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Embeddings, Pixels
from seewhy.methods.text_maps.attention import Tokens, attention_weights
from seewhy.methods.text_maps.flows import (
    Attention,
    Row,
    attention_gradients,
    relevance_before,
    token_0,
)
from seewhy.methods.text_maps.forward import (
    Kept,
    Leaf,
    LeafOnce,
    cosines,
    embedded,
    gradients,
    image_groups,
    patch_map,
    refuse_without_class_token,
    tower_input,
)
from seewhy.methods.text_maps.method import Asked, TextMapMethod
from seewhy.methods.text_maps.reading import TextMaps, defined_where, joined
from seewhy.methods.text_maps.tokens import pool_input
from seewhy.models.guard import differentiation
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.towers import PoolingTower, SelfAttention, Tower, TransformerTower, patch_grid
from seewhy.models.towers.positions import positions_at


@dataclass(frozen=True)
class AttentionRelevance(TextMapMethod):
    """What the class token draws on through attentions that raise the cosine with a text.

    Each attention weight counts by the positive part of its product with its gradient, averaged
    over the heads. In a ResNet there is one attention, that of the pool.

    Source: Chefer, Gur and Wolf, Generic Attention-model Explainability for Interpreting Bi-Modal
    and Encoder-Decoder Transformers, ICCV 2021 (its rule for self-attention).
    """

    name: ClassVar[str] = "relevance"

    def tower(self, encoder: OpenClipEncoder) -> Tower:
        """Refuse ViTs without a class token to start at."""
        tower = super().tower(encoder)
        refuse_without_class_token(tower, self.name)
        return tower

    def maps(self, encoder: OpenClipEncoder, pixels: Pixels, asked: Asked) -> TextMaps:
        """One forward pass for all texts, and for each one back to the first attention."""
        tower = self.tower(encoder)
        with differentiation(encoder.module):
            groups = image_groups(tower, tower_input(tower, pixels))
            return joined([_maps(tower, group, asked) for group in groups])


@dataclass(frozen=True)
class _Attended:
    """What an attention reads; and what it gives to all tokens or to token 0, in the graph."""

    attention: SelfAttention
    tokens: Tokens
    given: Float[Tensor, "batch *tokens outputs"]

    def slopes(self, upstream: Float[Tensor, "batch *tokens outputs"]) -> Attention:
        """The gradient of each attention weight; zero where what is given is not used."""
        if upstream.ndim == 2:
            upstream = functional.pad(upstream[:, None], (0, 0, 0, self.tokens.shape[1] - 1))
        return attention_gradients(upstream, self.tokens, self.attention)


@dataclass(frozen=True)
class _Pass:
    """Image embeddings, and the attentions on the way to them, first to last."""

    embeddings: Embeddings
    attended: tuple[_Attended, ...]


def _maps(tower: Tower, pixels: Pixels, asked: Asked) -> TextMaps:
    seen = _pool(tower, pixels) if isinstance(tower, PoolingTower) else _blocks(tower, pixels)
    found = cosines(seen.embeddings, asked.named)
    upstream = gradients(found, [each.given for each in seen.attended])
    relevances = [_relevance(seen.attended, each) for each in upstream]
    grid = patch_grid(tower, pixels)
    return defined_where(
        torch.stack([each.is_defined for each in relevances], dim=1),
        torch.stack([patch_map(each.row, grid) for each in relevances], dim=1),
        found,
    )


def _blocks(tower: TransformerTower, pixels: Pixels) -> _Pass:
    read = {block.norm: Kept() for block in tower.blocks}
    given = {block.added: LeafOnce() for block in tower.blocks}
    embeddings = embedded(tower, pixels, {**read, **given})
    attended = (
        _Attended(block.attention, read[block.norm].output.detach(), given[block.added].output)
        for block in tower.blocks
    )
    return _Pass(embeddings, tuple(attended))


def _pool(tower: PoolingTower, pixels: Pixels) -> _Pass:
    pooled = Leaf()
    embeddings = embedded(tower, pixels, {tower.pool: pooled})
    tokens = pool_input(pooled.given, positions_at(tower, pixels))
    return _Pass(embeddings, (_Attended(tower.attention, tokens, pooled.output),))


@dataclass(frozen=True)
class _Relevance:
    """Of tokens for one text; not defined where no attention weight of an image has a gradient."""

    row: Row
    is_defined: Bool[Tensor, " batch"]


def _relevance(attended: Sequence[_Attended], upstream: Sequence[Tensor]) -> _Relevance:
    row = token_0(attended[-1].tokens)
    is_defined = torch.zeros(len(row), dtype=torch.bool, device=row.device)
    for each, gradient in zip(reversed(attended), reversed(upstream), strict=True):
        slopes = each.slopes(gradient)
        row = relevance_before(row, attention_weights(each.tokens, each.attention, by="qk"), slopes)
        is_defined |= slopes.flatten(1).any(dim=1)
    return _Relevance(row, is_defined)
