"""Heads that are more than linear layers and batch norms."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from seewhy.models.ssl.layers import Weights, perceptron, under


class DinoHead(nn.Module):
    """A perceptron with GELU, brought to unit length, and a linear layer without bias.

    Source: Caron et al., Emerging Properties in Self-Supervised Vision Transformers, ICCV 2021.
    """

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.mlp: Any = perceptron(under(weights, "mlp."), activation=nn.GELU)
        outputs, inputs = weights["last_layer.weight"].shape
        self.last_layer: Any = nn.Linear(inputs, outputs, bias=False)

    def forward(self, pooled: Float[Tensor, "batch _"]) -> Float[Tensor, "batch _"]:
        """One logit per prototype."""
        unit = functional.normalize(self.mlp(pooled), dim=-1)
        logits: Tensor = self.last_layer(unit)
        return logits


def without_weight_norm(weights: Weights) -> dict[str, Tensor]:
    """The last layer of a DINO head as one tensor where it is kept as lengths and directions."""
    plain = dict(weights)
    for lengths, directions in (
        ("weight_g", "weight_v"),
        ("parametrizations.weight.original0", "parametrizations.weight.original1"),
    ):
        gain = plain.pop(f"last_layer.{lengths}", None)
        rows = plain.pop(f"last_layer.{directions}", None)
        if gain is not None and rows is not None:
            # As torch's weight norm, which adds nothing to the length.
            plain["last_layer.weight"] = rows * (
                gain / torch.linalg.norm(rows, dim=1, keepdim=True)
            )
    return plain
