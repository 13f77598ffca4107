"""Score-CAM: channels weighted by what is left of a text's similarity under each as a mask."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Embeddings, OnePixels, Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.cams import masked, most_varying, score_cam_maps
from seewhy.methods.text_maps.forward import (
    Kept,
    channel_maps,
    channel_site,
    cosines,
    embedded,
    tower_input,
)
from seewhy.methods.text_maps.method import Asked, TextMapMethod
from seewhy.methods.text_maps.reading import TextMaps
from seewhy.models.guard import inference
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.towers import Tower, patch_grid

_PIXELS_AT_ONCE = 2**20
_BLUR_CELLS = 2

Fill = Literal["zero", "blurred"]


@dataclass(frozen=True)
class ScoreCam(TextMapMethod):
    """Channels weighted by the softmax of the logits of the images that they mask; no gradients.

    Channels are those of Grad-CAM; of more than `channels` the most varying ones of each image
    are taken, since each costs a forward pass. The logit of a text is its cosine times the
    model's logit scale: cosines by themselves differ too little for their softmax to choose.
    Masked pixels are replaced by `fill`: 0 after preprocessing, as published, or the image blurred
    to a few cells.

    Source: Wang et al., Score-CAM, CVPRW 2020.
    """

    name: ClassVar[str] = "score-cam"

    channels: int = 256
    fill: Fill = "zero"

    def tower(self, encoder: OpenClipEncoder) -> Tower:
        """Refuse to look at no channel."""
        if self.channels < 1:
            raise UsageError(
                f"Score-CAM was asked for with {self.channels} channels. Use at least 1."
            )
        return super().tower(encoder)

    def maps(self, encoder: OpenClipEncoder, pixels: Pixels, asked: Asked) -> TextMaps:
        """One forward pass for each image and channel, whatever the number of texts."""
        tower = self.tower(encoder)
        with inference(encoder.module):
            pixels = tower_input(tower, pixels)
            kept = Kept()
            whole = cosines(embedded(tower, pixels, {channel_site(tower): kept}), asked.named)
            activations = channel_maps(kept.output, patch_grid(tower, pixels))
            chosen = most_varying(activations, self.channels)[..., None, None]
            activations = activations.take_along_dim(chosen, dim=1)
            logits = encoder.logit_scale * torch.stack(
                [
                    cosines(self._masked_embeddings(tower, image, own), asked.named)
                    for image, own in zip(pixels, activations, strict=True)
                ]
            )
            return TextMaps(score_cam_maps(activations, logits).cpu(), whole.cpu())

    def _masked_embeddings(
        self, tower: Tower, image: OnePixels, activations: Float[Tensor, "channels rows cols"]
    ) -> Embeddings:
        fill = torch.zeros_like(image) if self.fill == "zero" else blurred(image)
        at_once = max(_PIXELS_AT_ONCE // image[0].numel(), 1)
        return torch.cat(
            [
                embedded(tower, masked(image, each, fill), {})
                for each in torch.split(activations, at_once)
            ]
        )


def blurred(image: OnePixels) -> OnePixels:
    """Means of a few cells, bilinear between their centres."""
    means = functional.adaptive_avg_pool2d(image[None], _BLUR_CELLS)
    return functional.interpolate(means, image.shape[1:], mode="bilinear", align_corners=False)[0]
