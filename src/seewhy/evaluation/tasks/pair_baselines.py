"""Maps of pairs that know nothing of the model: what any explanation has to beat."""

import zlib
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import OnePixels, Pixels
from seewhy.base.errors import UsageError
from seewhy.evaluation.pairs.explained import similarities
from seewhy.methods.pairs.method import PairMaps, PairMethod, SecondPixels
from seewhy.models.guard import inference
from seewhy.models.image_encoders import ImageEncoder


@dataclass(frozen=True)
class RandomRanking(PairMethod):
    """A random value per square of `cell` pixels, drawn from the seed and the view's content."""

    seed: int = 0
    cell: int = 1

    def __post_init__(self) -> None:
        if self.cell < 1:
            raise UsageError(f"cells of {self.cell} pixels; wanted at least 1.")

    @property
    def name(self) -> str:
        """Such as "random ranking", or "random squares of 8"."""
        return "random ranking" if self.cell == 1 else f"random squares of {self.cell}"

    def compute(self, encoder: ImageEncoder, first: Pixels, second: SecondPixels) -> PairMaps:
        """A uniform value for each cell; at the right and lower border cells may be cut."""
        return PairMaps(
            torch.stack([self._map(pixels, 0) for pixels in first]),
            torch.stack([self._map(pixels, 1) for pixels in second]),
            _whole_similarity(encoder, first, second),
        )

    def _map(self, pixels: OnePixels, view: int) -> Float[Tensor, "height width"]:
        content = zlib.crc32(pixels.float().cpu().numpy().tobytes(), self.seed)
        generator = torch.Generator().manual_seed(2 * content + view)
        height, width = pixels.shape[1:]
        cells = (-(-height // self.cell), -(-width // self.cell))
        values = torch.rand((1, 1, *cells), generator=generator)
        large = functional.interpolate(values, scale_factor=float(self.cell), mode="nearest")
        return large[0, 0, :height, :width]


@dataclass(frozen=True)
class CentredGaussian(PairMethod):
    """Highest in the middle; `width` is the deviation as a share of each side."""

    width: float = 0.25

    @property
    def name(self) -> str:
        """In tables."""
        return "centred Gaussian"

    def compute(self, encoder: ImageEncoder, first: Pixels, second: SecondPixels) -> PairMaps:
        """The same map for each view of a size."""
        return PairMaps(
            self._maps(first), self._maps(second), _whole_similarity(encoder, first, second)
        )

    def _maps(self, pixels: Pixels) -> Float[Tensor, "batch height width"]:
        down, across = (_bell(int(side), self.width) for side in pixels.shape[2:])
        return (down[:, None] * across).expand(len(pixels), -1, -1).clone()


def _whole_similarity(
    encoder: ImageEncoder, first: Pixels, second: SecondPixels
) -> Float[Tensor, " batch"]:
    with inference(encoder.module):
        return similarities(encoder.embed(first), encoder.embed(second)).clone()


def _bell(side: int, width: float) -> Float[Tensor, " side"]:
    places = (torch.arange(side) + 0.5) / side - 0.5
    return torch.exp(-((places / width) ** 2) / 2)
