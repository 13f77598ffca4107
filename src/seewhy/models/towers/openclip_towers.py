"""open_clip's own image towers taken apart: VisionTransformer and ModifiedResNet."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.models.towers.parts import (
    Affine,
    Block,
    Pooling,
    PoolingTower,
    Positions,
    Rows,
    SelfAttention,
    TransformerTower,
    refusal,
)


def vision_transformer(visual: Any, name: str) -> TransformerTower:
    """The parts of a VisionTransformer that pools by class token, mean or attention (CoCa)."""
    oddity = next(_oddities(visual), None)
    if oddity is not None:
        raise refusal(name, oddity)
    rows, cols = visual.grid_size
    return TransformerTower(
        visual=visual,
        name=name,
        positions=Positions("positional_embedding", visual.positional_embedding, (rows, cols)),
        patch=tuple(visual.patch_size),
        blocks=tuple(
            Block(f"{place}.ln_1", f"{place}.ls_1", block, _attention)
            for depth, block in enumerate(visual.transformer.resblocks)
            for place in [f"transformer.resblocks.{depth}"]
        ),
        stream="transformer",
        reading=partial(_read, visual),
        pooling=_pooling(visual),
    )


def _pooling(visual: Any) -> Pooling:
    if visual.attn_pool is not None:
        return "attention"
    return "class-token" if visual.pool_type == "tok" else "mean"


def _read(visual: Any, tokens: Rows) -> Float[Tensor, "batch tokens _"]:
    """CoCa's attentional pool before the final norm, if there is one; then the projection.

    Of the pool a token passes the norm, the values and the output projection, as it would if it
    were the only one: the queries decide how tokens are weighed and have no part in it.
    """
    if visual.attn_pool is not None:
        tokens = _unmixed(visual.attn_pool, tokens)
    # `forward` by itself, as hooks of the user's belong to the tower's own pass.
    normed: Tensor = visual.ln_post.forward(tokens)
    return normed if visual.proj is None else normed @ visual.proj


def _unmixed(pool: Any, tokens: Rows) -> Float[Tensor, "batch tokens _"]:
    attention = pool.attn
    weight = attention.v_proj_weight
    if weight is None:
        weight = attention.in_proj_weight.chunk(3)[2]
    value = Affine(weight, attention.in_proj_bias.chunk(3)[2])
    output = Affine(attention.out_proj.weight, attention.out_proj.bias)
    return output(value(pool.ln_k.forward(tokens)))


def _attention(block: Any) -> SelfAttention:
    attention = block.attn
    weights = attention.in_proj_weight.chunk(3)
    bias = attention.in_proj_bias
    biases = (None, None, None) if bias is None else bias.chunk(3)
    query, key, value = map(Affine, weights, biases)
    output = Affine(attention.out_proj.weight, attention.out_proj.bias)
    gain = getattr(block.ls_1, "gamma", None)
    return SelfAttention(query, key, value, output, heads=attention.num_heads, gain=gain)


def _oddities(visual: Any) -> Iterator[str]:
    """What keeps a ViT from being taken apart."""
    from open_clip.transformer import ResidualAttentionBlock

    rows, cols = visual.grid_size
    yield from _odd_pools(visual)
    if not visual.transformer.batch_first:
        yield "keeps its tokens in front of the batch"
    for depth, block in enumerate(visual.transformer.resblocks):
        if type(block) is not ResidualAttentionBlock:
            yield f"has a {type(block).__name__} as block {depth}"
        elif not _is_plain(block.attn):
            yield f"has an unusual {type(block.attn).__name__} in block {depth}"
    if len(visual.positional_embedding) != 1 + rows * cols:
        yield (
            f"has {len(visual.positional_embedding)} positions for a class token and "
            f"{rows} x {cols} patches"
        )


def _odd_pools(visual: Any) -> Iterator[str]:
    from open_clip.transformer import AttentionalPooler

    if visual.attn_pool is not None:
        if getattr(visual, "attn_pool_contrastive", None) is not None:
            yield f"pools by attention twice ({visual.attn_pool_type!r})"
        elif type(visual.attn_pool) is not AttentionalPooler:
            yield f"pools by a {type(visual.attn_pool).__name__}"
    if visual.pool_type not in ("tok", "avg"):
        yield f"pools by {visual.pool_type!r}, which gives no single embedding"


def _is_plain(attention: Any) -> bool:
    return (
        type(attention) is torch.nn.MultiheadAttention
        and attention.in_proj_weight is not None
        and attention.bias_k is None
        and not attention.add_zero_attn
    )


def modified_resnet(visual: Any, name: str) -> PoolingTower:
    """The parts of a CLIP ResNet."""
    from open_clip.modified_resnet import AttentionPool2d

    pool = visual.attnpool
    if type(pool) is not AttentionPool2d:
        raise refusal(name, f"is a ModifiedResNet that pools by a {type(pool).__name__}")
    layers = {kind: getattr(pool, f"{kind}_proj") for kind in "qkvc"}
    odd = [kind for kind, layer in layers.items() if type(layer) is not torch.nn.Linear]
    if odd:
        raise refusal(name, f"has a {type(layers[odd[0]]).__name__} in its attention pool")
    side = round((len(pool.positional_embedding) - 1) ** 0.5)
    if 1 + side * side != len(pool.positional_embedding):
        raise refusal(name, "has positions that are no square grid")
    query, key, value, output = (Affine(layer.weight, layer.bias) for layer in layers.values())
    return PoolingTower(
        visual=visual,
        name=name,
        positions=Positions(
            "attnpool.positional_embedding", pool.positional_embedding, (side, side)
        ),
        patch=(32, 32),
        attention=SelfAttention(query, key, value, output, heads=pool.num_heads),
    )
