"""timm's VisionTransformer as an image tower of open_clip, SigLIP's included, taken apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seewhy.models.towers.parts import (
    Affine,
    Block,
    Grid,
    Pooling,
    Positions,
    Rows,
    SelfAttention,
    TransformerTower,
    refusal,
)


def timm_transformer(visual: Any, name: str) -> TransformerTower:
    """The parts of a TimmModel whose trunk pools by class token, mean or attention (SigLIP)."""
    oddity = next(_oddities(visual), None)
    if oddity is not None:
        raise refusal(name, oddity)
    trunk, embedding = visual.trunk, visual.trunk.patch_embed
    return TransformerTower(
        visual=visual,
        name=name,
        positions=_positions(trunk),
        patch=_patch(embedding),
        blocks=tuple(
            Block(f"{place}.norm1", f"{place}.ls1", block, _attention)
            for depth, block in enumerate(trunk.blocks)
            for place in [f"trunk.blocks.{depth}"]
        ),
        stream=f"trunk.blocks.{len(trunk.blocks) - 1}",
        reading=partial(_read, visual),
        pooling=_pooling(trunk),
        prefix=trunk.num_prefix_tokens,
        at_grid=partial(_other_grid, embedding),
    )


def _pooling(trunk: Any) -> Pooling:
    if trunk.attn_pool is not None:
        return "attention"
    return "class-token" if trunk.global_pool == "token" else "mean"


def _positions(trunk: Any) -> Positions:
    # The table is a view: also where gradients are off just now, it must lead to its parameter.
    with torch.inference_mode(False), torch.enable_grad():
        table = trunk.pos_embed[0]
    return Positions("trunk.pos_embed", table, trunk.patch_embed.grid_size, has_batch=True)


def _patch(embedding: Any) -> tuple[int, int]:
    rows, cols = embedding.grid_size
    height, width = embedding.img_size
    return height // rows, width // cols


@contextmanager
def _other_grid(embedding: Any, grid: Grid) -> Iterator[None]:
    """Let timm's patch embedding take images of a size that it was not made for."""
    held = {name: getattr(embedding, name) for name in ("strict_img_size", "grid_size")}
    embedding.strict_img_size, embedding.grid_size = False, grid
    try:
        yield
    finally:
        for name, value in held.items():
            setattr(embedding, name, value)


def _read(visual: Any, tokens: Rows) -> Float[Tensor, "batch tokens _"]:
    """Each token as if it had been the result of the trunk's pooling.

    With a class token or a mean that is all there is to it. An attention pool with a latent query
    (SigLIP) brings tokens into the joint space by its values, output projection, residual MLP and
    norm, and the trunk has never been trained to do without them. So a token takes that way by
    itself, as it would if it were the only one; how the query weighs tokens has no part in it.
    """
    trunk = visual.trunk
    tokens = trunk.norm.forward(tokens)
    if trunk.attn_pool is not None:
        return _head(visual, _unmixed(trunk.attn_pool, tokens))
    return _head(visual, tokens)


def _unmixed(pool: Any, tokens: Rows) -> Rows:
    weight = pool.kv.weight.chunk(2)[1]
    bias = None if pool.kv.bias is None else pool.kv.bias.chunk(2)[1]
    found: Tensor = pool.proj.forward(Affine(weight, bias)(tokens))
    return found if pool.mlp is None else found + pool.mlp.forward(pool.norm.forward(found))


def _head(visual: Any, tokens: Rows) -> Float[Tensor, "batch tokens _"]:
    for layer in (visual.trunk.fc_norm, visual.trunk.head, *visual.head):
        # `forward` by itself, as hooks of the user's belong to the tower's own pass.
        tokens = layer.forward(tokens)
    return tokens


def _attention(block: Any) -> SelfAttention:
    attention = block.attn
    weights = attention.qkv.weight.chunk(3)
    bias = attention.qkv.bias
    query, key, value = map(Affine, weights, (None,) * 3 if bias is None else bias.chunk(3))
    return SelfAttention(
        query,
        key,
        value,
        Affine(attention.proj.weight, attention.proj.bias),
        heads=attention.num_heads,
        gain=getattr(block.ls1, "gamma", None),
        query_norm=_norm(attention.q_norm),
        key_norm=_norm(attention.k_norm),
    )


def _norm(module: nn.Module) -> nn.Module | None:
    return None if isinstance(module, nn.Identity) else module


def _oddities(visual: Any) -> Iterator[str]:
    """What keeps a timm tower from being taken apart."""
    from timm.layers import HybridEmbed, PatchEmbed  # type: ignore[attr-defined]
    from timm.models.vision_transformer import VisionTransformer

    trunk = visual.trunk
    if type(trunk) is not VisionTransformer:
        yield f"is timm's {type(trunk).__name__}"
        return
    if type(trunk.patch_embed) not in (PatchEmbed, HybridEmbed):
        yield f"makes its patches by a {type(trunk.patch_embed).__name__}"
        return
    yield from _odd_pools(visual)
    yield from _odd_positions(trunk)
    for depth, block in enumerate(trunk.blocks):
        yield from (f"{oddity} in block {depth}" for oddity in _odd_parts(block))


def _odd_pools(visual: Any) -> Iterator[str]:
    from timm.layers import AttentionPoolLatent  # type: ignore[attr-defined]

    trunk = visual.trunk
    pool = trunk.attn_pool
    if "pool" in dict(visual.head.named_children()):
        yield f"pools by a {type(visual.head.pool).__name__} of open_clip's"
    if pool is None:
        if trunk.global_pool not in ("token", "avg"):
            yield f"pools by {trunk.global_pool!r}, not by its class token or a mean"
    elif type(pool) is not AttentionPoolLatent:
        yield f"pools by a {type(pool).__name__}"
    elif pool.pos_embed is not None or pool.pool not in ("token", "avg"):
        yield "has an attention pool with positions of its own, or one that gives many embeddings"
    elif type(pool.kv) is not nn.Linear:
        yield f"has a {type(pool.kv).__name__} in its attention pool"


def _odd_positions(trunk: Any) -> Iterator[str]:
    if trunk.pos_embed is None:
        yield "has no learned positions"
        return
    rows, cols = trunk.patch_embed.grid_size
    prefix = 0 if trunk.no_embed_class else trunk.num_prefix_tokens
    found = trunk.pos_embed.shape[1]
    if found != prefix + rows * cols:
        yield f"has {found} positions for {prefix} prefix tokens and {rows} x {cols} patches"


def _odd_parts(block: Any) -> Iterator[str]:
    from timm.models.vision_transformer import Attention, LayerScale  # type: ignore[attr-defined]
    from timm.models.vision_transformer import Block as PlainBlock

    if type(block) is not PlainBlock:
        yield f"has a {type(block).__name__}"
        return
    attention = block.attn
    if type(attention) is not Attention:
        yield f"has a {type(attention).__name__}"
        return
    for layer in (attention.qkv, attention.proj):
        if type(layer) is not nn.Linear:
            yield f"has a {type(layer).__name__} (quantised or wrapped?)"
    if getattr(attention, "gate", None) is not None:
        yield "has a gated attention"
    if not isinstance(getattr(attention, "norm", nn.Identity()), nn.Identity):
        yield "has a norm before the output projection"
    if type(block.ls1) not in (nn.Identity, LayerScale):
        yield f"scales its attention by a {type(block.ls1).__name__}"
