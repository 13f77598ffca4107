"""The ends of open_clip's image towers taken apart, for methods that put them together anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.models.openclip import OpenClipEncoder

_SUPPORTED = (
    "Image towers that can be taken apart are open_clip's VisionTransformer with a class token "
    "and its plain blocks, and its ModifiedResNet, such as those of open_clip:ViT-B-16/openai and "
    "open_clip:RN50/openai."
)


@dataclass(frozen=True)
class Affine:
    """x Wᵀ + b, with the parameters of the model itself."""

    weight: Float[Tensor, "outputs inputs"]
    bias: Float[Tensor, " outputs"] | None

    def __call__(self, tokens: Float[Tensor, "*any inputs"]) -> Float[Tensor, "*any outputs"]:
        """The same map for every token."""
        return functional.linear(tokens, self.weight, self.bias)


@dataclass(frozen=True)
class SelfAttention:
    """The projections of one multi-head self-attention; `gain` is its LayerScale, if any."""

    query: Affine
    key: Affine
    value: Affine
    output: Affine
    heads: int
    gain: Float[Tensor, " dim"] | None = None


@dataclass(frozen=True)
class Positions:
    """The position embedding of a tower: one row for token 0, then the native grid row by row."""

    name: str
    table: Float[Tensor, "tokens dim"]
    grid: tuple[int, int]


@dataclass(frozen=True)
class Block:
    """One transformer block: `norm` is the submodule whose output its attention reads."""

    norm: str
    module: Any

    @property
    def added(self) -> str:
        """The submodule whose output is what its attention adds to the stream."""
        scale = next(name for name in ("ls_1", "ls1") if hasattr(self.module, name))
        return f"{self.norm.rpartition('.')[0]}.{scale}"

    @property
    def attention(self) -> SelfAttention:
        """Its attention, whose weights are views of the model's as they are now."""
        attention = self.module.attn
        weights = attention.in_proj_weight.chunk(3)
        bias = attention.in_proj_bias
        biases = (None, None, None) if bias is None else bias.chunk(3)
        query, key, value = map(Affine, weights, biases)
        output = Affine(attention.out_proj.weight, attention.out_proj.bias)
        gain = getattr(self.module.ls_1, "gamma", None)
        return SelfAttention(query, key, value, output, heads=attention.num_heads, gain=gain)


@dataclass(frozen=True)
class TransformerTower:
    """A ViT with a class token; `stream` is the submodule whose output the final norm reads."""

    visual: Any
    name: str
    positions: Positions
    patch: tuple[int, int]
    blocks: tuple[Block, ...]
    stream: str = "transformer"

    def read(self, tokens: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch tokens _"]:
        """Final norm and projection into the joint space; not normalised."""
        # `forward` by itself, as hooks of the user's belong to the tower's own pass.
        normed: Tensor = self.visual.ln_post.forward(tokens)
        return normed if self.visual.proj is None else normed @ self.visual.proj


@dataclass(frozen=True)
class PoolingTower:
    """A CLIP ResNet; `pool` is the submodule that turns its last `maps` into the embedding."""

    visual: Any
    name: str
    positions: Positions
    patch: tuple[int, int]
    attention: SelfAttention
    pool: str = "attnpool"
    maps: str = "layer4"


Tower = TransformerTower | PoolingTower


def image_tower(encoder: OpenClipEncoder) -> Tower:
    """The encoder's image tower in its parts; raises `UsageError` for towers of other kinds."""
    from open_clip.modified_resnet import AttentionPool2d, ModifiedResNet
    from open_clip.transformer import VisionTransformer

    visual: Any = getattr(encoder.module, "visual", None)
    if type(visual) is VisionTransformer:
        return _transformer(visual, encoder.name)
    if type(visual) is ModifiedResNet and type(visual.attnpool) is AttentionPool2d:
        return _resnet(visual, encoder.name)
    if visual is None:
        raise UsageError(f"{encoder.name} has no image tower. {_SUPPORTED}")
    kind = type(getattr(visual, "trunk", visual)).__name__
    raise UsageError(f"the image tower of {encoder.name} is a {kind}. {_SUPPORTED}")


def patch_grid(tower: Tower, pixels: Pixels) -> tuple[int, int]:
    """Rows and columns of patches; raises `UsageError` where patches would be cut off."""
    height, width = pixels.shape[2:]
    high, wide = tower.patch
    if height % high or width % wide or not height or not width:
        raise UsageError(
            f"{tower.name} works on patches of {high} x {wide} pixels, and {height} x {width} is "
            f"no multiple of them. Use {_multiple(height, high)} x {_multiple(width, wide)}."
        )
    return height // high, width // wide


def embed_at(
    tower: Tower, pixels: Pixels, positions: Float[Tensor, "tokens dim"]
) -> Float[Tensor, "batch embed"]:
    """The tower's own forward pass, with these rows in place of its position embedding.

    The parameter itself is not written to. Without output normalisation; gradients flow.
    """
    held = tower.positions
    if positions is held.table:
        found = tower.visual(pixels)
    else:
        found = torch.func.functional_call(tower.visual, {held.name: positions}, (pixels,))
    embedding: Tensor = found[0] if isinstance(found, tuple) else found
    return embedding


def _multiple(length: int, step: int) -> int:
    return max(round(length / step), 1) * step


def _transformer(visual: Any, name: str) -> TransformerTower:
    rows, cols = visual.grid_size
    oddity = next(_oddities(visual), None)
    if oddity is not None:
        raise UsageError(f"the image tower of {name} {oddity}. {_SUPPORTED}")
    return TransformerTower(
        visual=visual,
        name=name,
        positions=Positions("positional_embedding", visual.positional_embedding, (rows, cols)),
        patch=tuple(visual.patch_size),
        blocks=tuple(
            Block(f"transformer.resblocks.{depth}.ln_1", block)
            for depth, block in enumerate(visual.transformer.resblocks)
        ),
    )


def _oddities(visual: Any) -> Iterator[str]:
    """What keeps a ViT from being taken apart as a plain CLIP."""
    from open_clip.transformer import ResidualAttentionBlock

    rows, cols = visual.grid_size
    if visual.attn_pool is not None:
        yield "pools by attention"
    if visual.pool_type != "tok":
        yield f"pools by {visual.pool_type!r}, not by its class token"
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


def _is_plain(attention: Any) -> bool:
    return (
        type(attention) is torch.nn.MultiheadAttention
        and attention.in_proj_weight is not None
        and attention.bias_k is None
        and not attention.add_zero_attn
    )


def _resnet(visual: Any, name: str) -> PoolingTower:
    pool = visual.attnpool
    side = round((len(pool.positional_embedding) - 1) ** 0.5)
    if 1 + side * side != len(pool.positional_embedding):
        raise UsageError(f"the positions of {name} are no square grid. {_SUPPORTED}")
    query, key, value, output = (
        Affine(layer.weight, layer.bias)
        for layer in (pool.q_proj, pool.k_proj, pool.v_proj, pool.c_proj)
    )
    return PoolingTower(
        visual=visual,
        name=name,
        positions=Positions(
            "attnpool.positional_embedding", pool.positional_embedding, (side, side)
        ),
        patch=(32, 32),
        attention=SelfAttention(query, key, value, output, heads=pool.num_heads),
    )
