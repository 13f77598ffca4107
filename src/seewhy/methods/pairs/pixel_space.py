"""Images from 0 to 1, and the same as a model's input."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.pairs.site_features import Features
from seewhy.models.image_encoders import ImageEncoder

Colour = Float[Tensor, "3 1 1"]

_SIDE = 64
_GREY = 128
_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class PixelSpace:
    """What black and white images become in a model's input; between them all is linear."""

    black: Colour
    white: Colour

    @classmethod
    def of(cls, encoder: ImageEncoder) -> "PixelSpace":
        """Measured on black, grey and white images, so it serves a preprocessing of any kind.

        Raises `UsageError` where black and white become the same or grey lies elsewhere.
        """
        black, grey, white = (_shown(encoder, level) for level in (0, _GREY, 255))
        space = cls(black, white)
        expected = space.to_input(torch.full((1, 3, 1, 1), _GREY / 255))[0]
        if (black == white).any() or not torch.allclose(grey, expected, atol=_TOLERANCE):
            raise UsageError(
                f"the preprocessing of {encoder.name} is no linear change of colours, so images "
                "cannot be drawn for it. Give one that scales to 0..1 and subtracts a mean."
            )
        return space

    @classmethod
    def identity(cls) -> "PixelSpace":
        """Of a model that takes images from 0 to 1."""
        return cls(torch.zeros(3, 1, 1), torch.ones(3, 1, 1))

    def to_input(self, images: Pixels) -> Pixels:
        """Images, black 0 and white 1, as the model takes them."""
        black, white = self.black.to(images), self.white.to(images)
        return black + images * (white - black)

    def to_images(self, pixels: Pixels) -> Pixels:
        """The way back; what the model was given outside black and white stays outside."""
        black, white = self.black.to(pixels), self.white.to(pixels)
        return (pixels - black) / (white - black)

    def features(self, of_input: Features) -> Features:
        """Features of the model's input as features of images."""
        return lambda images: of_input(self.to_input(images))


def _shown(encoder: ImageEncoder, level: int) -> Colour:
    """What the middle of an even grey image becomes; the rim may be a margin."""
    pixels = encoder.preprocess(Image.new("RGB", (_SIDE, _SIDE), (level, level, level)))
    height, width = pixels.shape[1:]
    return pixels[:, height // 2, width // 2, None, None].float().cpu()
