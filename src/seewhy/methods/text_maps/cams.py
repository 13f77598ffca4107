"""Class activation maps, which add up channels by a weight for each: formulas."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Maps, OnePixels
from seewhy.methods.text_maps.features import scaled


def grad_cam_maps(activations: Maps, gradients: Maps) -> Float[Tensor, "batch rows cols"]:
    """Channels weighted by their mean gradient, added up; the positive part.

    Source: Selvaraju et al., Grad-CAM, ICCV 2017.
    """
    weights = gradients.mean(dim=(-2, -1))
    return torch.einsum("bc,bcrs->brs", weights, activations).relu()


def score_cam_maps(
    activations: Maps, logits: Float[Tensor, "batch channels texts"]
) -> Float[Tensor, "batch texts rows cols"]:
    """Channels weighted by the softmax of what each one's masked image scores, added up.

    The positive part. As softmax is over the channels, a score of nothing (a blank image) that
    were taken from all of them would change no weight.
    Source: Wang et al., Score-CAM, CVPRW 2020.
    """
    weights = torch.softmax(logits, dim=1)
    return torch.einsum("bct,bcrs->btrs", weights, activations).relu()


def most_varying(activations: Maps, count: int) -> Int[Tensor, "batch chosen"]:
    """The channels with the largest deviation over the positions, at most `count`, in order."""
    deviation = activations.flatten(2).std(dim=-1, correction=0)
    order = deviation.argsort(dim=1, descending=True, stable=True)
    return order[:, :count].sort(dim=1).values


def masked(
    image: OnePixels, activations: Float[Tensor, "channels rows cols"], fill: OnePixels
) -> Float[Tensor, "channels 3 height width"]:
    """The image through each channel as a mask from 0 to 1, over its fill.

    Masks are bilinear between the centres of positions; of a constant channel only fill is left.
    """
    size = image.shape[1:]
    larger = functional.interpolate(activations[None], size, mode="bilinear", align_corners=False)
    masks = scaled(larger)[0, :, None].to(image.dtype)
    return masks * image + (1 - masks) * fill
