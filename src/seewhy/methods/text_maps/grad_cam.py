"""Grad-CAM: the channels of the last maps, weighted by how a text's similarity would grow."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.text_maps.cams import grad_cam_maps
from seewhy.methods.text_maps.forward import (
    Leaf,
    channel_maps,
    channel_site,
    cosines,
    embedded,
    gradients,
    tower_input,
)
from seewhy.methods.text_maps.method import Asked, TextMapMethod
from seewhy.methods.text_maps.reading import TextMaps, defined_where
from seewhy.models.guard import differentiation
from seewhy.models.openclip import OpenClipEncoder
from seewhy.models.towers import Tower, TransformerTower, patch_grid


@dataclass(frozen=True)
class GradCam(TextMapMethod):
    """Channels weighted by the mean gradient of the cosine with a text; the positive part.

    In a ResNet the channels are those of its last maps. In a ViT they are what the attention of
    the last block reads (with `depth` 2 that of the block before it, and so on): with class-token
    pooling nothing reads the patches that the last block gives, so their gradient is zero.
    """

    name: ClassVar[str] = "grad-cam"

    depth: int = 1

    def tower(self, encoder: OpenClipEncoder) -> Tower:
        """Refuse a depth that the tower does not have."""
        tower = super().tower(encoder)
        blocks = len(tower.blocks) if isinstance(tower, TransformerTower) else 1
        if not 1 <= self.depth <= blocks:
            raise UsageError(
                f"Grad-CAM was asked for at depth {self.depth}; {tower.name} can be read at 1 to "
                f"{blocks}, counted from the end."
            )
        return tower

    def maps(self, encoder: OpenClipEncoder, pixels: Pixels, asked: Asked) -> TextMaps:
        """One forward pass for all texts, and for each one back to the channels."""
        tower = self.tower(encoder)
        with differentiation(encoder.module):
            pixels = tower_input(tower, pixels)
            leaf = Leaf()
            found = cosines(
                embedded(tower, pixels, {channel_site(tower, self.depth): leaf}), asked.named
            )
            grid = patch_grid(tower, pixels)
            activations = channel_maps(leaf.output.detach(), grid)
            slopes = [channel_maps(each, grid) for (each,) in gradients(found, [leaf.output])]
            maps = torch.stack([grad_cam_maps(activations, each) for each in slopes], dim=1)
            is_defined = torch.stack([each.flatten(1).any(dim=1) for each in slopes], dim=1)
            return defined_where(is_defined, maps, found)
