"""Class activation maps without classes: channels of both views, weighted by their slopes."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, assert_never

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.pairs.matching import without_ground
from seewhy.methods.pairs.method import PairMaps, PairMethod, SecondPixels, cosines, without_noise
from seewhy.models.guard import differentiation
from seewhy.models.image_encoders import ImageEncoder

Activations = Float[Tensor, "batch channels rows cols"]
Grid = Float[Tensor, "batch rows cols"]
Weights = Float[Tensor, "batch channels"]
Reduction = Literal["mean", "max", "attention"]
Slope = Literal["place", "interaction"]

_SIGNED = (
    "The encoder's maps have both signs, as a transformer's do. Joint gradients, one number for "
    "all places, rank no better than chance there: each place kept its own gradient."
)

_ONE_WEIGHT = (
    "The encoder's maps have both signs, as a transformer's do. One weight per channel for all "
    "places, as Grad-CAM has, ranked pixels hardly better than chance there: see hires-cam, too."
)


def layer_cam_maps(activations: Activations, gradients: Activations) -> Grid:
    """Sum over channels of A times the positive part of its gradient, place by place."""
    return (activations * gradients.relu()).sum(dim=1)


def hires_cam_maps(activations: Activations, gradients: Activations) -> Grid:
    """Sum over channels of A times its gradient, place by place."""
    return (activations * gradients).sum(dim=1)


def grad_cam_maps(activations: Activations, gradients: Activations) -> Grid:
    """The positive part of the sum of channels, each times its mean gradient."""
    return (activations * gradients.mean(dim=(-2, -1), keepdim=True)).sum(dim=1).relu()


def reduced(activations: Activations, reduction: Reduction) -> Weights:
    """One number per channel: its mean, its maximum, or its mean over the places like the mean.

    "attention" weights places by softmax over them of the dot product of their channels with the
    mean channels, which is not scaled.
    """
    places = activations.flatten(2)
    match reduction:
        case "mean":
            return places.mean(dim=-1)
        case "max":
            return places.amax(dim=-1)
        case "attention":
            likeness = torch.einsum("bd,bdn->bn", places.mean(dim=-1), places)
            return torch.einsum("bdn,bn->bd", places, likeness.softmax(dim=-1))
        case _:
            assert_never(reduction)


def interaction_slopes(
    first: Activations, second: Float[Tensor, "batch channels _ _"]
) -> tuple[Weights, Weights]:
    """For each channel its strongest product with a channel of the other view's gradient.

    Of K = sum over places of G1 G2', (channels x channels), the maximum of each row and of each
    column. Place n of the one view is paired with place n of the other.
    """
    products = torch.einsum("bdn,ben->bde", first.flatten(2), second.flatten(2))
    return products.amax(dim=2), products.amax(dim=1)


def signed_interaction_slopes(
    first: Activations, second: Float[Tensor, "batch channels _ _"]
) -> tuple[Weights, Weights]:
    """For each channel its strongest product, whatever its sign, with the sign of its own slope.

    The sign is that of the channel's gradient summed over the places: two channels that both speak
    against the similarity have a positive product.
    """
    products = torch.einsum("bdn,ben->bde", first.flatten(2), second.flatten(2)).abs()
    signs = [gradients.sum(dim=(-2, -1)).sign() for gradients in (first, second)]
    return products.amax(dim=2) * signs[0], products.amax(dim=1) * signs[1]


@dataclass(frozen=True, eq=False)
class _Sides:
    """Activations and gradients of both views of one pair."""

    activations: tuple[Tensor, Tensor]
    gradients: tuple[Tensor, Tensor]
    similarity: Float[Tensor, " batch"]


@dataclass(frozen=True)
class _Cam(PairMethod):
    """Maps over the cells of the encoder's `site`; one forward pass and a backward pass to there.

    By default a pair with equal embeddings gets maps of zeros and a note: at a similarity of 1 the
    gradient is zero but for rounding.
    """

    needs_maps: ClassVar[bool] = True

    def compute(self, encoder: ImageEncoder, first: Pixels, second: SecondPixels) -> PairMaps:
        """Pair by pair; raises `UsageError` for an encoder without maps."""
        found: list[tuple[Tensor, Tensor]] = []
        similarity: list[Tensor] = []
        notes: dict[str, None] = {}
        with differentiation(encoder.module):
            for one, other in zip(torch.split(first, 1), torch.split(second, 1), strict=True):
                sides = _sides(encoder, one, other)
                maps = self.cams(sides)
                found.append((maps[0].detach().cpu(), maps[1].detach().cpu()))
                similarity.append(sides.similarity.detach().cpu())
                notes |= dict.fromkeys(self.remarks(sides))
        firsts, seconds = (torch.cat(each) for each in zip(*found, strict=True))
        result = PairMaps(firsts, seconds, torch.cat(similarity), notes=tuple(notes))
        return result if self.protocol == "published" else without_noise(result)

    @abstractmethod
    def cams(self, sides: _Sides) -> tuple[Tensor, Tensor]:
        """One map per view, (1, rows, cols)."""

    def remarks(self, _sides: _Sides) -> tuple[str, ...]:
        """What a reader of these maps should know."""
        return ()


@dataclass(frozen=True)
class LayerCam(_Cam):
    """Activations times the positive part of their own gradient, summed over the channels.

    The published code calls it Grad-CAM; it does not average gradients over places as Grad-CAM
    does, so it is LayerCAM, with the similarity as its target. Not cut off at 0.

    Source: Jiang et al., LayerCAM, TIP 2021; for pairs: Sammani et al., TIP 2023.
    """

    name: ClassVar[str] = "layer-cam"

    def cams(self, sides: _Sides) -> tuple[Tensor, Tensor]:
        """Of each view by itself."""
        first, second = map(layer_cam_maps, sides.activations, sides.gradients)
        return first, second


@dataclass(frozen=True)
class HiResCam(_Cam):
    """Activations times their own gradient, summed over the channels; both signs.

    Where the maps reach the embedding by a mean and a linear layer these are the summands of the
    change to first order; LayerCAM drops those that speak against the similarity.

    Source: Draelos, Carin, HiResCAM, 2020, with the similarity as its target.
    """

    name: ClassVar[str] = "hires-cam"

    def cams(self, sides: _Sides) -> tuple[Tensor, Tensor]:
        """Of each view by itself."""
        first, second = map(hires_cam_maps, sides.activations, sides.gradients)
        return first, second


@dataclass(frozen=True)
class GradCam(_Cam):
    """Grad-CAM as published by its authors, with the similarity as its target; never negative.

    Where maps have negative values, as a transformer's do, a note says how little it tells there.

    Source: Selvaraju et al., Grad-CAM, ICCV 2017.
    """

    name: ClassVar[str] = "grad-cam"

    def cams(self, sides: _Sides) -> tuple[Tensor, Tensor]:
        """Of each view by itself."""
        first, second = map(grad_cam_maps, sides.activations, sides.gradients)
        return first, second

    def remarks(self, sides: _Sides) -> tuple[str, ...]:
        """Whether the maps have both signs."""
        return (_ONE_WEIGHT,) if _is_signed(sides) else ()


@dataclass(frozen=True)
class InteractionCam(_Cam):
    """Activations times gradients, with channels weighted by how strong they are in both views.

    `reduction` says how strong a channel is in a view. With `slope` "interaction" (IntGradMax) a
    channel's gradient is its strongest product with one of the other view, the same at all places;
    this pairs places by their number, so that both grids must be equal. The demo of the published
    code shows "mean" with "place", and the others with "interaction".

    "published" takes the positive part of the gradients, as LayerCAM does; by default channels that
    speak against the similarity count against it. And by default, where maps have negative values,
    as a transformer's do, what most places share is taken off them first, the median of each
    channel, and each place keeps its own gradient whatever `slope` says, with a note.

    Source: Sammani et al., TIP 2023.
    """

    reduction: Reduction = "mean"
    slope: Slope = "place"

    @property
    def name(self) -> str:
        """In the catalogue; whatever the slope, which stands in an explanation's provenance."""
        return "interaction-cam" + ("" if self.reduction == "mean" else f"-{self.reduction}")

    def cams(self, sides: _Sides) -> tuple[Tensor, Tensor]:
        """Of both views together; raises `UsageError` for grids that cannot interact."""
        first, second = sides.activations
        is_mended_for_signs = self._is_mended_for_signs(sides)
        if is_mended_for_signs:
            first, second = map(_without_ground, sides.activations)
        joint = reduced(first, self.reduction) * reduced(second, self.reduction)
        has_own_slopes = self.slope == "place" or is_mended_for_signs
        gradients = sides.gradients if has_own_slopes else self._interacting(sides)
        weights = joint[..., None, None]
        combined = layer_cam_maps if self.protocol == "published" else hires_cam_maps
        return combined(first * weights, gradients[0]), combined(second * weights, gradients[1])

    def remarks(self, sides: _Sides) -> tuple[str, ...]:
        """Whether joint gradients were asked for and not taken."""
        is_changed = self.slope == "interaction" and self._is_mended_for_signs(sides)
        return (_SIGNED,) if is_changed else ()

    def _is_mended_for_signs(self, sides: _Sides) -> bool:
        return self.protocol == "mended" and _is_signed(sides)

    def _interacting(self, sides: _Sides) -> tuple[Tensor, Tensor]:
        grids = [tuple(each.shape[2:]) for each in sides.gradients]
        if grids[0] != grids[1]:
            raise UsageError(
                f"grids of {grids[0]} and {grids[1]} cells cannot interact place by place. "
                "Preprocess both views to one size, or use InteractionCam(slope='place')."
            )
        published = self.protocol == "published"
        slopes_of = interaction_slopes if published else signed_interaction_slopes
        slopes = slopes_of(*sides.gradients)
        first, second = (
            slope[..., None, None].expand_as(like)
            for slope, like in zip(slopes, sides.gradients, strict=True)
        )
        return first, second


def _is_signed(sides: _Sides) -> bool:
    return any(bool((each < 0).any()) for each in sides.activations)


def _without_ground(activations: Activations) -> Activations:
    return without_ground(activations.flatten(2)).view(activations.shape)


def _sides(encoder: ImageEncoder, first: Pixels, second: SecondPixels) -> _Sides:
    views = [encoder.embed_maps(view.clone()) for view in (first, second)]
    similarity = cosines(views[0].embeddings, views[1].embeddings)
    sources = [view.source for view in views]
    gradients = torch.autograd.grad(similarity.sum(), sources)
    activations = [view.maps(view.source) for view in views]
    slopes = [view.maps(gradient) for view, gradient in zip(views, gradients, strict=True)]
    return _Sides((activations[0], activations[1]), (slopes[0], slopes[1]), similarity)
