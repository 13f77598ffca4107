"""Pixels that carry a similarity, on things that both views show."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.pairs.gradients import PairSimilarity, slopes, summed_product
from seewhy.methods.pairs.matching import PatchMatching, without_ground
from seewhy.methods.pairs.method import PairMaps, PairMethod, SecondPixels, without_noise
from seewhy.models.guard import device_of, differentiation
from seewhy.models.image_encoders import ImageEncoder


@dataclass(frozen=True)
class MatchedGradient(PairMethod):
    """Input x gradient of the similarity, where the place has its like in the other view.

    A pixel has sum over channels of (x - median x) ds/dx, which is what the similarity loses, to
    first order, where the pixel takes the median value of the view: gradients are sharp, and light
    up beside what both views show, too. It is weighed by how much its place is like some place of
    the other view (`PatchMatching`, bilinear, from 0), to the power of `sharpness`: matching
    finds things, coarsely, and does not ask the embeddings. Signed as the gradient is.

    One forward pass of each view to the maps, and one forward and one backward pass of both. By
    default a pair with equal embeddings gets maps of zeros and a note: there the gradient is
    rounding. Ours, so that both protocols are one otherwise. The product of coarse maps and
    gradients is that of Guided Grad-CAM (Selvaraju et al., ICCV 2017).
    """

    name: ClassVar[str] = "matched-gradient"
    needs_maps: ClassVar[bool] = True

    sharpness: float = 4.0

    def compute(self, encoder: ImageEncoder, first: Pixels, second: SecondPixels) -> PairMaps:
        """Pair by pair; raises `UsageError` for an encoder without maps."""
        if self.sharpness <= 0:
            raise UsageError(f"sharpness is {self.sharpness}; wanted more than 0.")
        places = PatchMatching().compute(encoder, first, second)
        places = places.at_pixels(_size(first), _size(second))
        first_gains, second_gains = _gains(encoder, first, second)
        found = PairMaps(
            first_gains * places.first.clamp(min=0) ** self.sharpness,
            second_gains * places.second.clamp(min=0) ** self.sharpness,
            places.similarity,
        )
        return found if self.protocol == "published" else without_noise(found)


def _gains(
    encoder: ImageEncoder, first: Pixels, second: SecondPixels
) -> tuple[Float[Tensor, "batch height width"], Float[Tensor, "batch height2 width2"]]:
    """What each pixel gives to the similarity of its pair, beside the median of its view."""
    device = device_of(encoder.module)
    similarity = PairSimilarity(encoder.module, encoder.embed)
    found: list[tuple[Tensor, Tensor]] = []
    with differentiation(encoder.module):
        for one, other in zip(torch.split(first, 1), torch.split(second, 1), strict=True):
            pair = [view.clone().to(device, torch.float32) for view in (one, other)]
            at = slopes(similarity, pair[0], pair[1])
            gains = [
                summed_product(_without_ground(view), gradient).detach().cpu()
                for view, gradient in zip(pair, (at.first, at.second), strict=True)
            ]
            found.append((gains[0], gains[1]))
    firsts, seconds = (torch.cat(each) for each in zip(*found, strict=True))
    return firsts, seconds


def _without_ground(pixels: SecondPixels) -> SecondPixels:
    return without_ground(pixels.flatten(2)).view(pixels.shape)


def _size(pixels: SecondPixels) -> tuple[int, int]:
    return pixels.shape[2], pixels.shape[3]
