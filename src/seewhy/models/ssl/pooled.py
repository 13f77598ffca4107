"""An image encoder in two parts: maps, whose mean over places goes through a head."""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn


class PooledEncoder(nn.Module):
    """`features` gives maps (batch, channels, rows, cols), `head` an embedding of their mean."""

    def __init__(self, features: nn.Module, head: nn.Module | None = None) -> None:
        super().__init__()
        self.features: Any = features
        self.head: Any = head or nn.Identity()

    def forward(
        self, pixels: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch embed"]:
        """The embedding, not brought to unit length."""
        embedding: Tensor = self.head(self.features(pixels).mean(dim=(2, 3)))
        return embedding
