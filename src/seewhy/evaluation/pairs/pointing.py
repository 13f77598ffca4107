"""Whether the maps of a pair point at the one object that both views show."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float

from seewhy.evaluation.maps import (
    MapOnMask,
    Mask,
    compare,
    energy_on_mask,
    pixel_auroc,
    pixel_average_precision,
    pointing_game,
)

PixelValues = Float[np.ndarray, "_ _"]

TOP = 0.02
"""The share of the pixels that counts as the top region."""


def top_region(pair: MapOnMask, *, share: float = TOP) -> float:
    """How much of the highest pixels lies on the mask, 0 to 1; pixels that tie count in part."""
    wanted = max(share * len(pair.scores), 1.0)
    levels, level = np.unique(-pair.scores, return_inverse=True)
    counts = np.bincount(level, minlength=len(levels))
    on_mask = np.bincount(level, weights=pair.on_mask, minlength=len(levels))
    before = np.cumsum(counts) - counts
    taken = np.clip((wanted - before) / counts, 0, 1)
    return float((taken * on_mask).sum() / wanted)


POINTING: Mapping[str, Callable[[MapOnMask], float]] = {
    "pointing": pointing_game,
    "top region": top_region,
    "energy": energy_on_mask,
    "pixel AP": pixel_average_precision,
    "AUROC": pixel_auroc,
}


def pointing_figures(
    first: PixelValues, second: PixelValues, *, masks: tuple[Mask, Mask]
) -> dict[str, float]:
    """Figures of one pair's maps against the masks of what they share.

    "pointing" and "top region" are shares of both views: the chance that both highest pixels lie
    on the object, and 1 where more than half of both top regions does. The others are means of the
    two views. "pointing, first" and "pointing, second" are those of each view.
    Raises as `evaluation.maps.compare` does.
    """
    views = [compare(*view) for view in zip((first, second), masks, strict=True)]
    found = {name: [figure(view) for view in views] for name, figure in POINTING.items()}
    return {
        "pointing": found["pointing"][0] * found["pointing"][1],
        "top region": float(min(found["top region"]) > 0.5),
        "pointing, first": found["pointing"][0],
        "pointing, second": found["pointing"][1],
        **{name: sum(found[name]) / 2 for name in ("energy", "pixel AP", "AUROC")},
    }
