"""What image towers of all families have in common once they are taken apart."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.errors import UsageError

Grid = tuple[int, int]
Pooling = Literal["class-token", "mean", "attention"]
Rows = Float[Tensor, "batch tokens dim"]
Heads = Float[Tensor, "batch heads tokens head"]

_SUPPORTED = (
    "Image towers that can be taken apart are open_clip's VisionTransformer and ModifiedResNet and "
    "timm's VisionTransformer with learned positions, all with their plain blocks, such as those "
    "of open_clip:ViT-B-16/openai, open_clip:RN50/openai and open_clip:ViT-B-16-SigLIP/webli."
)


def refusal(name: str, oddity: str) -> UsageError:
    """The error for a tower that cannot be taken apart because it "is", "has" or "does" so."""
    return UsageError(f"the image tower of {name} {oddity}. {_SUPPORTED}")


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
    """The projections of one multi-head self-attention; `gain` is its LayerScale, if any.

    `query_norm` and `key_norm` belong to each head's queries and keys; values have none.
    """

    query: Affine
    key: Affine
    value: Affine
    output: Affine
    heads: int
    gain: Float[Tensor, " dim"] | None = None
    query_norm: Callable[[Heads], Heads] | None = None
    key_norm: Callable[[Heads], Heads] | None = None

    def queries(self, tokens: Rows) -> Heads:
        """What each head asks with, as it is compared."""
        found = self._split(self.query(tokens))
        return found if self.query_norm is None else self.query_norm(found)

    def keys(self, tokens: Rows) -> Heads:
        """What each head compares queries with."""
        found = self._split(self.key(tokens))
        return found if self.key_norm is None else self.key_norm(found)

    def values(self, tokens: Rows) -> Heads:
        """What each head takes from a token."""
        return self._split(self.value(tokens))

    def joined(self, mixed: Heads) -> Float[Tensor, "batch tokens outputs"]:
        """Heads side by side, through the output projection and LayerScale."""
        found = self.output(mixed.transpose(1, 2).flatten(2))
        return found if self.gain is None else found * self.gain

    def _split(self, projected: Rows) -> Heads:
        return projected.reshape(*projected.shape[:2], self.heads, -1).transpose(1, 2)


@dataclass(frozen=True)
class Positions:
    """The position embedding of a tower: rows of prefix tokens, if any, then the native grid's.

    `name` is the parameter's, which may have an axis for the batch in front of the table.
    """

    name: str
    table: Float[Tensor, "tokens dim"]
    grid: Grid
    has_batch: bool = False

    def as_parameter(self, rows: Float[Tensor, "others dim"]) -> Tensor:
        """Rows in the shape of the parameter."""
        return rows[None] if self.has_batch else rows


@dataclass(frozen=True)
class Block:
    """One transformer block.

    `norm` is the submodule whose output its attention reads, `added` the one whose output is what
    its attention adds to the stream.
    """

    norm: str
    added: str
    module: Any
    take: Callable[[Any], SelfAttention]

    @property
    def attention(self) -> SelfAttention:
        """Its attention, whose weights are views of the model's as they are now."""
        return self.take(self.module)


def _as_it_is(_grid: Grid) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True)
class TransformerTower:
    """A ViT; `stream` is the submodule whose output the final norm reads.

    Tokens are `prefix` tokens (class, registers; there may be none), then patches row by row. Only
    with `pooling` "class-token" is the embedding read off token 0. `reading` takes a stream into
    the joint space, `at_grid` lets the tower take another grid.
    """

    visual: Any
    name: str
    positions: Positions
    patch: tuple[int, int]
    blocks: tuple[Block, ...]
    stream: str
    reading: Callable[[Rows], Rows]
    pooling: Pooling
    prefix: int = 1
    at_grid: Callable[[Grid], AbstractContextManager[None]] = _as_it_is

    def read(self, tokens: Float[Tensor, "batch tokens dim"]) -> Float[Tensor, "batch tokens _"]:
        """Final norm and projection into the joint space, each token by itself; not normalised.

        What a pool does to single tokens is part of it, what mixes tokens is not: `reading` of
        each family says how.
        """
        return self.reading(tokens)


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
    at_grid: Callable[[Grid], AbstractContextManager[None]] = _as_it_is


Tower = TransformerTower | PoolingTower
