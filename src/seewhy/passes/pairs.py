"""Two networks that look at the same images, each as it wants them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from seewhy.base.axes import OnePixels
from seewhy.models.identity import model_digest
from seewhy.models.protocols import DualEncoder
from seewhy.taps.forward import Network

Pair = tuple[OnePixels, OnePixels]
"""One image as the first network wants it, and as the encoder does."""


@dataclass(frozen=True)
class Networks:
    """A network and an encoder that look at the same images."""

    network: Network
    encoder: DualEncoder

    def prepare(self, image: Image.Image) -> Pair:
        """The image as each wants it."""
        return self.network.preprocess(image), self.encoder.preprocess(image)

    def digests(self) -> list[str]:
        """What decides their numbers."""
        return [model_digest(self.network), model_digest(self.encoder)]


def stacked(pairs: Sequence[Pair]) -> tuple[Tensor, Tensor]:
    """A batch for each network."""
    first, second = zip(*pairs, strict=True)
    return torch.stack(first), torch.stack(second)
