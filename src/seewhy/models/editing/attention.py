"""Where an editor looks: over the words of a caption, over an image, and what it copies.

Padding is kept out by masks made of lengths and counts. What belongs to an image has one row,
what is asked about it may have several, see `grouping`.
Source: Show, Edit and Tell, CVPR 2020. The pointer is ours, after See et al., ACL 2017.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from seewhy.models.editing.cells import PartedLinear
from seewhy.models.editing.grouping import grouped

Selection = Literal["hard", "soft"]
_LEAST = 1e-20


def places_mask(counts: Int[Tensor, " batch"], places: int) -> Bool[Tensor, "batch places"]:
    """True for the first `counts` places of each row."""
    return torch.arange(places, device=counts.device) < counts[:, None]


def true_mean(
    tensor: Float[Tensor, "batch places dim"], mask: Bool[Tensor, "batch places"]
) -> Float[Tensor, "batch dim"]:
    """Mean over the places of the mask; a row without any gives zeros."""
    total = torch.einsum("bpd,bp->bd", tensor, mask.to(tensor.dtype))
    return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


def masked_softmax(
    scores: Float[Tensor, "*rows places"], mask: Bool[Tensor, "*#rows places"]
) -> Float[Tensor, "*rows places"]:
    """Softmax over the places of the mask, zero elsewhere; each row must have one."""
    return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1)


def attended(
    weights: Float[Tensor, "rows places"], values: Float[Tensor, "images places dim"]
) -> Float[Tensor, "rows dim"]:
    """The weighted sum of the values of each row's image."""
    return (grouped(weights, len(values)) @ values).flatten(0, 1)


def select_memory(
    weights: Float[Tensor, "rows places"],
    memory: Float[Tensor, "images places dim"],
    *,
    by: Selection = "hard",
) -> Float[Tensor, "rows dim"]:
    """Selective copy memory attention: the memory at the place of the highest weight, exactly.

    The first of equal ones. The gradient is straight-through: the winning weight gets the inner
    product of the memory with what arrives, other weights none. "soft" is the weighted sum.
    """
    if by == "soft":
        return attended(weights, memory)
    highest, places = weights.max(dim=1)
    at = grouped(places, len(memory))[..., None].expand(-1, -1, memory.shape[2])
    chosen = memory.gather(1, at).flatten(0, 1)
    # Zero, but its derivative is that of the weight.
    return chosen + (highest - highest.detach())[:, None] * chosen.detach()


class AdditiveAttention(nn.Module):
    """Weights over places: softmax of lin(f(lin(key) + lin(query))), f tanh or ReLU.

    `keys` does what does not depend on the query. Dropout stands behind f.
    """

    def __init__(
        self,
        keys: int,
        query: int,
        *,
        width: int,
        activation: Literal["tanh", "relu"],
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.keys = nn.Linear(keys, width)
        self.query = nn.Linear(query, width)
        self.score = nn.Linear(width, 1)
        self.activation = nn.Tanh() if activation == "tanh" else nn.ReLU()
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        query: Float[Tensor, "rows dim"],
        keys: Float[Tensor, "images places width"],
        mask: Bool[Tensor, "images places"],
    ) -> Float[Tensor, "rows places"]:
        """Weights of sum 1 over the places of the mask."""
        asked = grouped(self.query(query), len(keys))
        met = self.dropout(self.activation(keys[:, None] + asked[:, :, None]))
        return masked_softmax(self.score(met).squeeze(-1), mask[:, None]).flatten(0, 1)


class GatedContext(NamedTuple):
    """A context after the gate z, and z, 0 to 1: how much came of the source caption."""

    context: Float[Tensor, "rows dim"]
    gate: Float[Tensor, "rows dim"]


class WordShares(NamedTuple):
    """What the word that was written last adds to the gate and to the target's context."""

    gate: Float[Tensor, "rows dim"]
    target: Float[Tensor, "rows dim"]


class ContextGate(nn.Module):
    """EditNet's gate between the attended caption and what has been written.

    z = sigmoid(lin([E(w); h1; ctx])), c = z tanh(lin(ctx)) + (1 - z) tanh(lin([E(w); h1])).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = PartedLinear((width, width, width), width)
        self.source = nn.Linear(width, width)
        self.target = PartedLinear((width, width), width)

    def shares(self, word: Float[Tensor, "*rows dim"]) -> tuple[Tensor, Tensor]:
        """What words add to gate and target: known beforehand where the words are."""
        return self.gate.part(0, word), self.target.part(0, word)

    def forward(
        self,
        shares: WordShares,
        hidden: Float[Tensor, "rows dim"],
        context: Float[Tensor, "rows dim"],
    ) -> GatedContext:
        """The gated context."""
        gate, target = self.gate, self.target
        z = (shares.gate + gate.part(1, hidden) + gate.part(2, context) + gate.bias).sigmoid()
        written = (shares.target + target.part(1, hidden) + target.bias).tanh()
        return GatedContext(z * self.source(context).tanh() + (1 - z) * written, z)


class Pointer(nn.Module):
    """Mixes the softmax over the vocabulary with attention over the caption's words.

    Not in the papers. The gate g is read off the hidden state and the context:
    p(v) = (1 - g) softmax(logits)_v + g * sum of the weights of the places where v stands.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * width, 1)

    def forward(
        self,
        logits: Float[Tensor, "images each vocab"],
        seen: Float[Tensor, "images each both"],
        *,
        weights: Float[Tensor, "images each places"],
        ids: Int[Tensor, "images places"],
    ) -> Float[Tensor, "images each vocab"]:
        """Log-probabilities; `seen` is the hidden state and the context, end to end."""
        return pointed(logits, self.gate(seen), weights=weights, ids=ids)


def pointed(
    logits: Float[Tensor, "images each vocab"],
    gate: Float[Tensor, "images each 1"],
    *,
    weights: Float[Tensor, "images each places"],
    ids: Int[Tensor, "images places"],
) -> Float[Tensor, "images each vocab"]:
    """The pointer's log-probabilities; `gate` is before squashing."""
    at = ids[:, None].expand_as(weights)
    copied = torch.zeros_like(logits).scatter_add(2, at, weights.to(logits.dtype))
    written = logits.log_softmax(dim=-1) + functional.logsigmoid(-gate)
    return torch.logaddexp(written, functional.logsigmoid(gate) + copied.clamp(min=_LEAST).log())
