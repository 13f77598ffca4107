"""Self-attention by other similarities than those of queries and keys: formulas."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.models.towers import Affine, SelfAttention

Rerouting = Literal["vv", "unit-vv", "qq", "kk", "identity", "qk"]

_UNIT_GAIN = 8.0
_UNIT_EPSILON = 1e-6

Tokens = Float[Tensor, "batch tokens dim"]
_Heads = Float[Tensor, "batch heads tokens head"]


def rerouted(
    tokens: Tokens, attention: SelfAttention, *, by: Rerouting
) -> Float[Tensor, "batch tokens outputs"]:
    """Self-attention whose weights come from comparing tokens in another way.

    softmax(a bᵀ / √head) v per head, then the output projection and LayerScale. "vv" takes the
    values as a and b, "qq" the queries, "kk" the keys, "qk" is the model's own attention.
    "identity" mixes no tokens. "unit-vv" compares values of unit length, times 8.
    """
    values = _split(attention.value, tokens, attention.heads)
    mixed = values if by == "identity" else _mixed(values, tokens, attention, by=by)
    found: Tensor = attention.output(mixed.transpose(1, 2).flatten(2))
    return found if attention.gain is None else found * attention.gain


def _mixed(values: _Heads, tokens: Tokens, attention: SelfAttention, *, by: Rerouting) -> _Heads:
    if by == "unit-vv":
        unit = values / (values.norm(dim=-1, keepdim=True) + _UNIT_EPSILON)
        scale = _UNIT_GAIN * values.shape[-1] ** -0.5
        return functional.scaled_dot_product_attention(unit, unit, values, scale=scale)
    if by == "vv":
        return functional.scaled_dot_product_attention(values, values, values)
    compared = {"q": attention.query, "k": attention.key}
    left, right = (_split(compared[side], tokens, attention.heads) for side in by)
    return functional.scaled_dot_product_attention(left, right, values)


def _split(projection: Affine, tokens: Tokens, heads: int) -> _Heads:
    return projection(tokens).reshape(*tokens.shape[:2], heads, -1).transpose(1, 2)


def resized_positions(
    table: Float[Tensor, "native dim"], native: tuple[int, int], grid: tuple[int, int]
) -> Float[Tensor, "tokens dim"]:
    """The position embedding for another grid; the row of token 0 stays.

    Bilinear, corners not aligned, no antialiasing, as published; open_clip itself resizes by
    antialiased bicubic when it loads weights. The native grid gives the very same tensor.
    """
    if grid == native:
        return table
    patches = table[1:].float().reshape(*native, -1).permute(2, 0, 1)[None]
    patches = functional.interpolate(patches, size=grid, mode="bilinear", align_corners=False)
    return torch.cat([table[:1], patches[0].flatten(1).T.to(table.dtype)])
