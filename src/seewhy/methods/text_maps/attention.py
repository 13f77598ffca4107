"""Self-attention by other similarities than those of queries and keys: formulas."""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.models.towers import SelfAttention
from seewhy.models.towers.parts import Heads

Rerouting = Literal["vv", "unit-vv", "qq", "kk", "identity", "qk"]

_UNIT_GAIN = 8.0
_UNIT_EPSILON = 1e-6

Tokens = Float[Tensor, "batch tokens dim"]


def rerouted(
    tokens: Tokens, attention: SelfAttention, *, by: Rerouting
) -> Float[Tensor, "batch tokens outputs"]:
    """Self-attention whose weights come from comparing tokens in another way.

    softmax(a bᵀ / √head) v per head, then the output projection and LayerScale. "vv" takes the
    values as a and b, "qq" the queries, "kk" the keys, "qk" is the model's own attention. Queries
    and keys are compared after norms of their own, if the model has them; values have none.
    "identity" mixes no tokens. "unit-vv" compares values of unit length, times 8.
    """
    values = attention.values(tokens)
    if by == "identity":
        return attention.joined(values)
    left, right, scale = _compared(tokens, attention, by=by)
    mixed = functional.scaled_dot_product_attention(left, right, values, scale=scale)
    return attention.joined(mixed)


def attention_weights(
    tokens: Tokens, attention: SelfAttention, *, by: Rerouting
) -> Float[Tensor, "batch heads tokens tokens"]:
    """How much of each other token a token takes; rows sum to 1.

    Computed anew, as fused kernels give no weights away.
    """
    if by == "identity":
        eye = torch.eye(tokens.shape[1], dtype=tokens.dtype, device=tokens.device)
        return eye.expand(len(tokens), attention.heads, -1, -1)
    left, right, scale = _compared(tokens, attention, by=by)
    return torch.softmax(left @ right.transpose(-2, -1) * scale, dim=-1)


class _Compared(NamedTuple):
    left: Heads
    right: Heads
    scale: float


def _compared(tokens: Tokens, attention: SelfAttention, *, by: Rerouting) -> _Compared:
    if by == "unit-vv":
        values = attention.values(tokens)
        unit = values / (values.norm(dim=-1, keepdim=True) + _UNIT_EPSILON)
        return _Compared(unit, unit, _UNIT_GAIN * values.shape[-1] ** -0.5)
    sides = {"q": attention.queries, "k": attention.keys, "v": attention.values}
    left, right = (sides[side](tokens) for side in by)
    return _Compared(left, right, left.shape[-1] ** -0.5)
