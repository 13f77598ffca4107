"""Which patches of an image are its foreground."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import ndimage
from torch import Tensor

from seewhy.methods.mutual_knowledge.components import Decomposition, component_scores

Fit = Literal["image", "joint"]
Fallback = Literal["strongest", "whole", "nothing"]

SCALED_THRESHOLD = 0.4
"""The published threshold for scores from 0 to 1; for others it is 0."""

_COMPONENT: dict[Decomposition, int] = {"svd": 1, "pca": 0}

PatchScores = Float[Tensor, "batch rows cols"]
PatchMask = Bool[Tensor, "batch rows cols"]


@dataclass(frozen=True)
class Foreground:
    """Foreground patches; `is_fallback` marks the images in which the threshold found none."""

    mask: PatchMask
    is_fallback: Bool[Tensor, " batch"]


def foreground_scores(
    tokens: Float[Tensor, "batch rows cols dim"],
    *,
    by: Decomposition = "svd",
    fit: Fit = "image",
    scaled: bool = False,
) -> PatchScores:
    """How much each patch belongs to the foreground, by the component that tells it apart.

    That is the second of "svd" or the first of "pca". `fit` "joint" decomposes the patches of
    all images together, as the published code does with the images of a class: what is found in
    an image then depends on the rest of the batch. "image" takes each image by itself.
    """
    batch, rows, cols, _ = tokens.shape
    stacks = tokens.flatten(0, 2)[None] if fit == "joint" else tokens.flatten(1, 2)
    component = _COMPONENT[by]
    scores = component_scores(stacks, by=by, components=component + 1, scaled=scaled)
    return scores[..., component].reshape(batch, rows, cols)


def foreground(
    scores: PatchScores,
    *,
    threshold: float = 0.0,
    smallest: int = 5,
    fallback: Fallback = "strongest",
    share: float = 0.2,
) -> Foreground:
    """The largest connected region of scores from the threshold on, and perhaps the next one.

    A score of exactly zero is background in any case. Patches that touch by a corner are
    connected; of equal regions the one with the first patch, row by row, is taken. The next
    region joins it if it has at least `smallest` patches. The published code breaks down on an
    image without any foreground; `fallback` gives it its strongest `share` of patches (all that
    score no less than the last of them), the "whole" image, or "nothing".
    """
    candidates = (scores >= threshold) & (scores != 0)
    is_fallback = ~candidates.flatten(1).any(dim=1)
    found = [_main_regions(each, smallest) for each in candidates.cpu().numpy()]
    mask = torch.from_numpy(np.array(found, bool).reshape(scores.shape)).to(scores.device)
    spare = spare_patches(scores, fallback, share)
    return Foreground(torch.where(is_fallback[:, None, None], spare, mask), is_fallback)


def _main_regions(
    candidates: Bool[np.ndarray, "rows cols"], smallest: int
) -> Bool[np.ndarray, "rows cols"]:
    regions, count = ndimage.label(candidates, structure=np.ones((3, 3)))
    if count == 0:
        return candidates
    sizes = np.bincount(regions.ravel())[1:]
    first, *others = np.argsort(-sizes, kind="stable")
    mask: Bool[np.ndarray, "rows cols"] = regions == first + 1
    if others and sizes[others[0]] >= smallest:
        mask |= regions == others[0] + 1
    return mask


def spare_patches(scores: PatchScores, fallback: Fallback, share: float) -> PatchMask:
    """What stands in for a foreground that is empty: see `foreground`."""
    if fallback != "strongest":
        return torch.full_like(scores, fallback == "whole", dtype=torch.bool)
    flat = scores.flatten(1)
    patches = flat.shape[1]
    wanted = min(max(round(share * patches), 1), patches)
    least = flat.sort(dim=1, descending=True).values[:, wanted - 1]
    return scores >= least[:, None, None]
