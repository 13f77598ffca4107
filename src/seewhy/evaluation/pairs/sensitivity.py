"""How far the maps of a pair move when a little noise is added to both views."""

from collections.abc import Iterable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.pairs.method import PairMaps, SecondPixels

DRAWS, RADIUS = 10, 0.2


def noisy_pairs(
    first: Pixels,
    second: SecondPixels,
    *,
    generator: torch.Generator,
    draws: int = DRAWS,
    radius: float = RADIUS,
) -> Iterator[tuple[Pixels, SecondPixels]]:
    """Both views with the same uniform noise from -radius to radius, in the model's input space.

    A draw is the same for all pairs of the batch, so that a pair's figure does not depend on it.
    Views of two sizes share what lies in both, counted from the upper left corner. The generator
    is on the CPU, so that devices agree.
    """
    height, width = (max(int(first.shape[at]), int(second.shape[at])) for at in (2, 3))
    for _ in range(draws):
        noise = torch.rand((1, 3, height, width), generator=generator) * 2 - 1
        yield _added(first, radius * noise), _added(second, radius * noise)


def max_sensitivity(original: PairMaps, disturbed: Iterable[PairMaps]) -> Float[Tensor, " batch"]:
    """The largest relative change of a map's length, the mean of the two views; lower is better.

    Lengths are Euclidean, over the raw maps as the method returns them. NaN where an original map
    is all zeros. Captum's figure of that name joins both maps in one length and is another.
    Source: Yeh et al., On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019; for
    pairs, Sammani et al., IEEE TIP 2023.
    """
    changes = [_changes(original, each) for each in disturbed]
    if not changes:
        raise UsageError("no disturbed maps came; wanted at least one draw.")
    return torch.stack(changes).amax(dim=0).mean(dim=0)


def _changes(original: PairMaps, disturbed: PairMaps) -> Float[Tensor, "2 batch"]:
    return torch.stack(
        [
            _relative(original.first, disturbed.first),
            _relative(original.second, disturbed.second),
        ]
    )


def _relative(
    original: Float[Tensor, "batch rows cols"], disturbed: Float[Tensor, "batch rows cols"]
) -> Float[Tensor, " batch"]:
    length = original.flatten(1).norm(dim=1)
    moved = (original - disturbed).flatten(1).norm(dim=1)
    return torch.where(length > 0, moved / length, torch.nan)


def _added(pixels: Pixels, noise: Float[Tensor, "1 3 _ _"]) -> Pixels:
    return pixels + noise[:, :, : pixels.shape[2], : pixels.shape[3]].to(pixels)
