"""Masks of patches brought to the edges that an image has there."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.lattice import Lattice

Refinement = Literal["meanfield", "guided", "none"]

_CERTAINTY = math.log(0.99 / 0.01)
_GUIDED_RADIUS, _GUIDED_EPSILON = 16, 1e-3

Masks = Bool[Tensor, "batch height width"]
Map = Float[Tensor, "height width"]
Channels = Float[Tensor, "batch _ height width"]


@dataclass(frozen=True)
class MeanField:
    """A fully connected random field of two classes, with the published constants.

    Pixels that are near and alike in colour pull each other by `colour_weight` over distances of
    `reach` pixels and `likeness` levels of 0..255, those that are near by `near_weight` over
    `near_reach` pixels. Images of at most `exact_up_to` pixels are computed pair by pair, which
    takes 4 bytes per pair; in larger ones the sums over alike pixels come from a lattice.
    """

    colour_weight: float = 10.0
    reach: float = 40.0
    likeness: float = 13.0
    near_weight: float = 3.0
    near_reach: float = 3.0
    rounds: int = 5
    exact_up_to: int = 4096

    def __post_init__(self) -> None:
        if min(self.reach, self.likeness, self.near_reach) <= 0 or self.rounds < 0:
            raise UsageError(
                f"{self} has a width that is not above zero, or fewer than 0 rounds. Correct it."
            )


def refined(
    masks: Masks,
    pictures: UInt8[Tensor, "_ _ _ 3"],
    *,
    by: Refinement = "meanfield",
    field: MeanField | None = None,
) -> Masks:
    """Masks after refinement by the colours of their pictures, which may leave nothing of them.

    "meanfield" is the published dense random field. "guided" is a colour guided filter (radius
    16, epsilon 1e-3) with a threshold of 1/2: faster, but no imitation of the field. Images are
    taken one by one, so that memory is that of one image, and a result that of the image alone.
    Raises `UsageError` where masks and pictures differ in size.
    """
    if masks.shape != pictures.shape[:3]:
        raise UsageError(
            f"masks of {tuple(masks.shape)} and pictures of {tuple(pictures.shape)}: give one "
            "mask per picture, of the same height and width."
        )
    if by == "none":
        return masks
    field, found = field or MeanField(), torch.empty_like(masks)
    for mask, picture, place in zip(masks, pictures, found, strict=True):
        values = guided(mask, picture) if by == "guided" else mean_field(mask, picture, field)
        place.copy_(values > 0.5)
    return found


def mean_field(
    mask: Bool[Tensor, "height width"], picture: UInt8[Tensor, "height width 3"], field: MeanField
) -> Map:
    """How probably each pixel belongs to the mask, which is itself taken for 99 % certain.

    Each kernel is normalised on both sides by the square roots of its row sums, and holds the
    pixel itself. Two classes make the softmax of the field a logistic function of one map.

    Source: Krähenbühl and Koltun, Efficient Inference in Fully Connected CRFs with Gaussian
    Edge Potentials, NeurIPS 2011.
    """
    alike = _alike(picture, field)
    down, across = (_near(length, field.near_reach).to(picture.device) for length in mask.shape)
    given = (2 * mask.float() - 1) * _CERTAINTY
    probable = given.sigmoid()
    for _ in range(field.rounds):
        lean = 2 * probable - 1
        colour = alike(lean.flatten()).reshape(mask.shape)
        near = down @ lean @ across
        probable = (given + field.colour_weight * colour + field.near_weight * near).sigmoid()
    return probable


def _alike(
    picture: UInt8[Tensor, "height width 3"], field: MeanField
) -> Callable[[Float[Tensor, " pixels"]], Float[Tensor, " pixels"]]:
    """The normalised kernel of place and colour, as a function of one value per pixel."""
    height, width, _ = picture.shape
    down, across = (torch.arange(n, device=picture.device) for n in (height, width))
    place = torch.stack(torch.meshgrid(down, across, indexing="ij"), dim=-1) / field.reach
    places = torch.cat([place, picture / field.likeness], dim=-1).flatten(0, 1)
    is_small = len(places) <= field.exact_up_to
    blurred = _gaussian(places).mv if is_small else Lattice.around(places).blurred
    gain = blurred(torch.ones_like(places[:, 0])).rsqrt()
    return lambda values: gain * blurred(gain * values)


def _near(length: int, reach: float) -> Float[Tensor, "length length"]:
    """One axis of the normalised kernel of place, which is a product of both axes."""
    kernel = _gaussian(torch.arange(length)[:, None] / reach)
    gain = kernel.sum(dim=1).rsqrt()
    return gain[:, None] * kernel * gain


def _gaussian(places: Float[Tensor, "points dim"]) -> Float[Tensor, "points points"]:
    return torch.cdist(places, places).square_().div_(-2).exp_()


def guided(mask: Bool[Tensor, "height width"], picture: UInt8[Tensor, "height width 3"]) -> Map:
    """The mask as an affine function of colour in each window, averaged over windows.

    Source: He, Sun and Tang, Guided Image Filtering, ECCV 2010.
    """
    colours = (picture.float() / 255).permute(2, 0, 1)[None]
    values = mask.float()[None, None]
    mean_colour, mean_value = _windowed(colours), _windowed(values)
    together = _windowed(colours * values) - mean_colour * mean_value
    products = torch.einsum("bihw,bjhw->bijhw", colours, colours).flatten(1, 2)
    means = torch.einsum("bihw,bjhw->bijhw", mean_colour, mean_colour).flatten(1, 2)
    spread = (_windowed(products) - means)[0].permute(1, 2, 0).reshape(*mask.shape, 3, 3)
    spread = spread + _GUIDED_EPSILON * torch.eye(3, device=spread.device)
    slope = torch.linalg.solve(spread, together[0].permute(1, 2, 0)).permute(2, 0, 1)[None]
    offset = mean_value - (slope * mean_colour).sum(dim=1, keepdim=True)
    return ((_windowed(slope) * colours).sum(dim=1) + _windowed(offset)[:, 0])[0]


def _windowed(values: Channels) -> Channels:
    """Means over square windows, cut off at the image's edge; one axis after the other."""
    for reach in ((_GUIDED_RADIUS, 0), (0, _GUIDED_RADIUS)):
        side = (2 * reach[0] + 1, 2 * reach[1] + 1)
        values = functional.avg_pool2d(
            values, side, stride=1, padding=reach, count_include_pad=False
        )
    return values
