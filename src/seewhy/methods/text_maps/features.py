"""What all texts have in common, taken out of the similarities of patches and texts: formulas."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_SHARPNESS = 2.0

Similarities = Float[Tensor, "batch tokens texts"]


def similarities(
    tokens: Float[Tensor, "batch tokens embed"], texts: Float[Tensor, "texts embed"]
) -> Similarities:
    """Cosines, -1 to 1; a vector of zeros has similarity 0 with everything."""
    return functional.normalize(tokens, dim=-1) @ functional.normalize(texts, dim=-1).T


def class_weights(
    whole: Float[Tensor, "batch texts"],
) -> Float[Tensor, "batch texts"]:
    """softmax(2 s) over the texts, relative to its mean, from similarities of whole images.

    The factor is the published code's; a model's logit scale has no part in it, so that the
    weights stay close to 1.
    """
    return torch.softmax(_SHARPNESS * whole, dim=-1) * whole.shape[-1]


def without_common(
    found: Similarities, weights: Float[Tensor, "batch texts"] | None = None
) -> Similarities:
    """R = w S - mean over texts of w S; sums to 0 over the texts, so one text leaves nothing."""
    weighted = found if weights is None else found * weights[:, None]
    return weighted - weighted.mean(dim=-1, keepdim=True)


def without_redundant(
    found: Similarities, redundant: Float[Tensor, "batch tokens _"]
) -> Similarities:
    """R = S - S of a redundant text: one for all texts, or one for each."""
    return found - redundant


def smoothed(
    found: Similarities, tokens: Float[Tensor, "batch tokens embed"], *, sharpness: float
) -> Similarities:
    """Each patch's values become the mean over all patches, the more alike the more they count.

    Weights are softmax(sharpness · cosine) of tokens less their mean over the image, which all of
    them share. What is not told apart at all (equal tokens) is averaged; one patch stays as it is.
    Values stay within their range, and the order with any removal linear in S does not matter.
    """
    own = functional.normalize(tokens - tokens.mean(dim=1, keepdim=True), dim=-1)
    return torch.softmax(sharpness * own @ own.transpose(1, 2), dim=-1) @ found


def scaled(maps: Float[Tensor, "batch texts rows cols"]) -> Float[Tensor, "batch texts rows cols"]:
    """Each map from 0 to 1 over its patches; a constant map is all zeros."""
    low = maps.amin(dim=(-2, -1), keepdim=True)
    spread = maps.amax(dim=(-2, -1), keepdim=True) - low
    return (maps - low) / torch.where(spread > 0, spread, 1.0)
