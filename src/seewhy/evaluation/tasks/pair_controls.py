"""Do maps depend on what they should: on the model's weights, and on the other image?"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.evaluation.pairs.agreement import PerMap, rank_correlation, structural_similarity
from seewhy.evaluation.pairs.sensitivity import DRAWS, RADIUS, max_sensitivity, noisy_pairs
from seewhy.methods.pairs.method import PairMaps, PairMethod, SecondPixels
from seewhy.models.image_encoders import ImageEncoder
from seewhy.models.randomising import cascade


@dataclass(frozen=True, eq=False)
class Agreement:
    """Of each pair's maps with its original ones; correlations are NaN where one is flat."""

    rank_correlation: PerMap
    structural_similarity: PerMap


@dataclass(frozen=True, eq=False)
class RandomisedStage:
    """How far the maps still agree once all modules from the output to `until` are random."""

    until: str
    agreement: Agreement


@dataclass(frozen=True, eq=False)
class WrongPairs:
    """Maps over the pixels of first views beside strangers, and whether they stay as they were.

    Agreement is low for a method that explains the pair, and 1 for one that shows what is salient.
    """

    maps: Float[Tensor, "batch height width"]
    agreement: Agreement


def randomisation_check(
    method: PairMethod,
    encoder: ImageEncoder,
    views: tuple[Pixels, SecondPixels],
    *,
    stages: int = 6,
    seed: int = 0,
) -> list[RandomisedStage]:
    """Maps while the weights are lost stage by stage, from the head to the stem.

    Agreement is the mean of the two views.
    Maps that show what the model has learnt stop agreeing; those of an edge detector go on.
    """
    original = _over_pixels(method.maps(encoder, *views), views)
    return [
        RandomisedStage(
            found.until,
            _agreement(original, _over_pixels(method.maps(found.encoder, *views), views)),
        )
        for found in cascade(encoder, views[0], stages=stages, seed=seed)
    ]


def wrong_pair_check(
    method: PairMethod,
    encoder: ImageEncoder,
    views: tuple[Pixels, SecondPixels],
    *,
    strangers: SecondPixels,
) -> WrongPairs:
    """The first views' maps beside second views of other pairs, one stranger for each pair."""
    right = _over_pixels(method.maps(encoder, *views), views)
    beside = (views[0], strangers)
    wrong = _over_pixels(method.maps(encoder, *beside), beside).first
    return WrongPairs(
        wrong,
        Agreement(rank_correlation(right.first, wrong), structural_similarity(right.first, wrong)),
    )


def sensitivity_check(
    method: PairMethod,
    encoder: ImageEncoder,
    views: tuple[Pixels, SecondPixels],
    *,
    generator: torch.Generator,
    draws: int = DRAWS,
    radius: float = RADIUS,
) -> Float[Tensor, " batch"]:
    """Max sensitivity of each pair's maps, as in `evaluation.pairs.sensitivity`."""
    noisy = noisy_pairs(*views, generator=generator, draws=draws, radius=radius)
    original = method.maps(encoder, *views)
    return max_sensitivity(original, (method.maps(encoder, *each) for each in noisy))


def _over_pixels(maps: PairMaps, views: tuple[Pixels, SecondPixels]) -> PairMaps:
    first, second = ((int(each.shape[2]), int(each.shape[3])) for each in views)
    return maps.at_pixels(first, second)


def _agreement(one: PairMaps, other: PairMaps) -> Agreement:
    views = ((one.first, other.first), (one.second, other.second))
    ranks = [rank_correlation(*view) for view in views]
    structures = [structural_similarity(*view) for view in views]
    return Agreement((ranks[0] + ranks[1]) / 2, (structures[0] + structures[1]) / 2)
