"""Places of one view that look like some place of the other, whatever the embeddings make of it."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Pixels
from seewhy.methods.pairs.method import PairMaps, PairMethod, SecondPixels, cosines
from seewhy.models.guard import inference
from seewhy.models.image_encoders import ImageEncoder, MappedEmbeddings

Activations = Float[Tensor, "batch channels rows cols"]
OtherActivations = Float[Tensor, "batch channels _ _"]
Likeness = Float[Tensor, "batch places others"]


def likeness(first: Activations, second: OtherActivations) -> Likeness:
    """Cosines of every place of the one view with every place of the other, row by row.

    Of what sets a place apart from its own view: its channels less their median over the places.
    What most of a view looks like, its ground, is near zero and goes with nothing.
    """
    one, other = (_set_apart(each.flatten(2)) for each in (first, second))
    return one.transpose(1, 2) @ other


def without_ground(
    places: Float[Tensor, "batch channels places"],
) -> Float[Tensor, "batch channels places"]:
    """Channels less their median over the places."""
    return places - places.median(dim=2, keepdim=True).values


def matching_maps(
    found: Likeness, grids: tuple[tuple[int, int], tuple[int, int]]
) -> tuple[Float[Tensor, "batch _ _"], Float[Tensor, "batch _ _"]]:
    """For each place of a view how much it is like the place of the other that is most like it."""
    first, second = found.amax(dim=2), found.amax(dim=1)
    return first.reshape(-1, *grids[0]), second.reshape(-1, *grids[1])


def partners(found: Likeness) -> Int[Tensor, "batch places"]:
    """For each place of the first view the number of the second's that is most like it."""
    return found.argmax(dim=2)


@dataclass(frozen=True)
class PatchMatching(PairMethod):
    """How much each place of a view is like some place of the other, from -1 to 1.

    Read off the maps of the encoder's `site`, one forward pass a view and no gradient. It shows
    what both views have in common as far as the encoder can tell places apart, which need not be
    what brought the embeddings together: set it beside an occlusion. Ours; not published, so that
    both protocols are one.
    """

    name: ClassVar[str] = "patch-matching"
    needs_maps: ClassVar[bool] = True
    caution: ClassVar[tuple[str, ...]] = (
        "Matching shows what is alike in the maps; whether the embeddings rest on it is for an "
        "occlusion to say.",
    )

    def compute(self, encoder: ImageEncoder, first: Pixels, second: SecondPixels) -> PairMaps:
        """Pair by pair; raises `UsageError` for an encoder without maps."""
        found: list[tuple[Tensor, Tensor]] = []
        similarity: list[Tensor] = []
        with inference(encoder.module):
            for one, other in zip(torch.split(first, 1), torch.split(second, 1), strict=True):
                views = _mapped(encoder, one), _mapped(encoder, other)
                maps = [view.maps(view.source) for view in views]
                found.append(matching_maps(likeness(*maps), (views[0].grid, views[1].grid)))
                similarity.append(cosines(views[0].embeddings, views[1].embeddings))
        firsts, seconds = (torch.cat(each).clone().cpu() for each in zip(*found, strict=True))
        return PairMaps(firsts, seconds, torch.cat(similarity).clone().cpu())


def _mapped(encoder: ImageEncoder, view: Tensor) -> MappedEmbeddings:
    with torch.inference_mode(False), torch.no_grad():
        return encoder.embed_maps(view.clone())


def _set_apart(
    places: Float[Tensor, "batch channels places"],
) -> Float[Tensor, "batch channels places"]:
    return functional.normalize(without_ground(places), dim=1)
