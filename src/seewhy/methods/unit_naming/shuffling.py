"""What the best scores are when units and texts have nothing to do with each other."""

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.methods.unit_naming.scoring import ScoresInOrder

_ROUNDING = 1e-6

Best = Float[Tensor, " units"]
"""The largest score of each unit over all texts."""

BestByChance = Float[Tensor, "shuffles units"]


def best_by_chance(
    scores: ScoresInOrder, images: int, *, shuffles: int, generator: torch.Generator
) -> BestByChance:
    """The best score of each unit with the images shuffled between units and texts.

    One order serves all units and texts, so that what these have in common among themselves stays.
    """
    orders = (torch.randperm(images, generator=generator) for _ in range(shuffles))
    return torch.stack([scores(order).amax(dim=1) for order in orders])


def p_values(best: Best, by_chance: BestByChance) -> Best:
    """How often a shuffle gives a unit so good a best text, the true order counted in; never 0.

    The search through the bank is in it, as each shuffle searches too.
    """
    reached = by_chance >= best - _ROUNDING * best.abs()
    return (1 + reached.sum(dim=0)) / (1 + len(by_chance))


def corrected_p_values(best: Best, by_chance: BestByChance) -> Best:
    """How often a shuffle gives *any* unit so good a best text; at least the `p_values` mostly.

    Scores are first measured in standard deviations of the unit's own, over all shuffles and the
    true order. Where a name needs at most 0.05, the chance that any of the units gets one for
    nothing is at most 0.05, however they depend on each other. Source: the single-step maximum of
    Westfall and Young, Resampling-Based Multiple Testing, 1993.
    """
    rows = torch.cat([best[None], by_chance]).double()
    spread = rows.std(dim=0, correction=0)
    standard = torch.where(spread > 0, (rows - rows.mean(dim=0)) / spread.clamp(min=1e-300), 0.0)
    largest = standard.amax(dim=1)
    reached = largest[:, None] >= standard[0] - _ROUNDING * standard[0].abs()
    return reached.double().mean(dim=0).float()
