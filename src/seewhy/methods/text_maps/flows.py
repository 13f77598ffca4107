"""What tokens an attention draws on, and many attentions on top of each other: formulas."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.methods.text_maps.attention import Tokens
from seewhy.models.towers import SelfAttention

Attention = Float[Tensor, "batch heads tokens tokens"]
Row = Float[Tensor, "batch tokens"]


def attention_gradients(
    upstream: Float[Tensor, "batch tokens outputs"], tokens: Tokens, attention: SelfAttention
) -> Attention:
    """The gradient of each attention weight, from that of what the attention gives.

    A head gives o = A v, so dA = do vᵀ, where do is the gradient `upstream` taken back through
    LayerScale and the output projection.
    """
    upstream = upstream if attention.gain is None else upstream * attention.gain
    of_heads = _heads(upstream @ attention.output.weight, attention.heads)
    return of_heads @ attention.values(tokens).transpose(-1, -2)


def _heads(tokens: Tokens, heads: int) -> Float[Tensor, "batch heads tokens _"]:
    return tokens.reshape(*tokens.shape[:2], heads, -1).transpose(1, 2)


def token_0(tokens: Tokens) -> Row:
    """1 at token 0, which the embedding is read off, and 0 elsewhere."""
    row = torch.zeros_like(tokens[:, :, 0])
    row[:, 0] = 1
    return row


def rolled_out(row: Row, weights: Iterable[Float[Tensor, "_ _ _ _"]]) -> Row:
    """What the tokens of a row draw on through attentions, from the last to the first.

    Each is the mean over its heads, and then of that and the identity, which stands for the
    residual connection; so the sum stays. Source: Abnar and Zuidema, Quantifying Attention Flow
    in Transformers, ACL 2020.
    """
    for each in weights:
        row = (row + _through(row, each.mean(dim=1))) / 2
    return row


def relevance_before(row: Row, weights: Attention, gradients: Attention) -> Row:
    """One attention further back: row + row · mean over heads of (gradient × weight)⁺.

    From the last attention to the first, starting at `token_0`, this gives row 0 of what
    R ← R + (that mean) R gives from the first to the last, starting at the identity.
    Source: Chefer, Gur and Wolf, Generic Attention-model Explainability, ICCV 2021.
    """
    return row + _through(row, (gradients * weights).relu().mean(dim=1))


def _through(row: Row, mixing: Float[Tensor, "batch tokens tokens"]) -> Row:
    return torch.einsum("bi,bij->bj", row, mixing)
