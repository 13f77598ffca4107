"""What in one view a region of the other is most alike to, by the encoder's own maps."""

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import OnePixels
from seewhy.methods.pairs.method import cosines
from seewhy.models.guard import differentiation
from seewhy.models.image_encoders import ImageEncoder

CellMaps = Float[Tensor, "_ _ _"]
Cells = Float[Tensor, "_ _"]


def cell_maps(encoder: ImageEncoder, pixels: OnePixels) -> CellMaps:
    """The maps (channels, rows, cols) of the encoder's `site`, on the CPU.

    Raises as `ImageEncoder.embed_maps` for an encoder without maps.
    """
    with differentiation(encoder.module):
        found = encoder.embed_maps(pixels[None].clone())
        return found.maps(found.source)[0].detach().cpu()


def likeness(first: CellMaps, second: CellMaps, *, weights: Cells) -> Cells:
    """How like each cell of `second` is to the weighted mean of the cells of `first`, -1 to 1.

    A cosine, after the mean over all cells of both views was taken off: what all cells share, such
    as channels that never rest, would make everything alike. Ours; a place here is what the
    encoder has written there, which may come from anywhere in the view.
    """
    middle = torch.cat((first.flatten(1), second.flatten(1)), dim=1).mean(dim=1)
    wanted = torch.einsum("drc,rc->d", first, weights.to(first)) - middle * weights.sum()
    cells = second.permute(1, 2, 0) - middle
    return cosines(cells, wanted.expand_as(cells))
