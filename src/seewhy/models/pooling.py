"""A CLIP ResNet's attention pooling for the one token that is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seewhy.base.axes import Maps


@contextmanager
def one_query(tower: nn.Module) -> Iterator[None]:
    """Let the tower's `attnpool` compute the one row it returns, not the row of every token.

    The same numbers up to rounding, in a fiftieth of the products at 7 x 7 positions. Other
    towers, and pools that someone has changed, are left alone.
    """
    from open_clip.modified_resnet import AttentionPool2d

    pool: Any = getattr(tower, "attnpool", None)
    if type(pool) is not AttentionPool2d or "forward" in vars(pool):
        yield
        return
    pool.forward = partial(attention_pool, pool)
    try:
        yield
    finally:
        del pool.forward


def attention_pool(pool: Any, maps: Maps) -> Float[Tensor, "batch embed"]:
    """Multi-head attention of the mean token over all tokens.

    Keys and values are never made: q · (K x) = (Kᵀ q) · x, and the attention's weights sum to
    one, so Σ a (V x + b) = V (Σ a x) + b; the bias of the keys changes no weight.
    """
    tokens = maps.flatten(2).transpose(1, 2)
    tokens = torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1)
    tokens = tokens + pool.positional_embedding.to(tokens.dtype)
    heads = pool.num_heads
    query = pool.q_proj(tokens[:, 0]).unflatten(1, (heads, -1))
    keys, values = (each.weight.unflatten(0, (heads, -1)) for each in (pool.k_proj, pool.v_proj))
    directions = torch.einsum("nhd,hdc->nhc", query / query.shape[-1] ** 0.5, keys)
    weights = torch.softmax(directions @ tokens.transpose(1, 2), dim=-1)
    pooled = torch.einsum("nhc,hdc->nhd", weights @ tokens, values).flatten(1)
    read: Tensor = pool.c_proj(pooled + pool.v_proj.bias)
    return read
