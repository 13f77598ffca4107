"""From tokens and texts to one map per text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seewhy.base.axes import TextEmbeddings
from seewhy.methods.text_maps.features import (
    Similarities,
    class_weights,
    similarities,
    smoothed,
    without_common,
    without_redundant,
)
from seewhy.methods.text_maps.tokens import ImageTokens

Removal = Literal["redundant", "common", "weighted-common", "nothing"]


@dataclass(frozen=True)
class TextMaps:
    """One map per image and text over the patches, and the cosines of the whole images.

    Where `is_defined` says no, there is no map, and its values are NaN: no gradient reaches the
    patches. None says that all are defined.
    """

    maps: Float[Tensor, "batch texts rows cols"]
    whole: Float[Tensor, "batch texts"]
    is_defined: Bool[Tensor, "batch texts"] | None = None


def defined_where(
    is_defined: Bool[Tensor, "batch texts"],
    maps: Float[Tensor, "batch texts rows cols"],
    whole: Float[Tensor, "batch texts"],
) -> TextMaps:
    """Maps on the CPU, with NaN where they are not defined."""
    blanked = torch.where(is_defined[..., None, None], maps, torch.nan)
    return TextMaps(blanked.cpu(), whole.detach().cpu(), is_defined.cpu())


def joined(pieces: Sequence[TextMaps]) -> TextMaps:
    """Maps of some images, then those of others, from one method."""
    defined = [each.is_defined for each in pieces if each.is_defined is not None]
    return TextMaps(
        torch.cat([each.maps for each in pieces]),
        torch.cat([each.whole for each in pieces]),
        torch.cat(defined) if defined else None,
    )


def text_maps(
    tokens: ImageTokens,
    texts: TextEmbeddings,
    *,
    redundant: Float[Tensor, "1 embed"],
    removal: Removal,
    smoothing: float | None = None,
) -> TextMaps:
    """Similarities of patches and texts, less what `removal` names; `ClipSurgery` explains it."""
    whole = similarities(tokens.embeddings[:, None], texts)[:, 0]
    patches = tokens.patches.flatten(1, 2)
    left = _left(
        similarities(patches, texts),
        whole=whole,
        common=similarities(patches, redundant),
        removal=removal,
    )
    if smoothing is not None:
        left = smoothed(left, patches, sharpness=smoothing)
    maps = left.transpose(1, 2).reshape(*whole.shape, *tokens.patches.shape[1:3])
    return TextMaps(maps, whole)


def _left(
    found: Similarities,
    *,
    whole: Float[Tensor, "batch texts"],
    common: Float[Tensor, "batch tokens 1"],
    removal: Removal,
) -> Similarities:
    if removal == "redundant":
        return without_redundant(found, common)
    if removal == "common":
        return without_common(found)
    return without_common(found, class_weights(whole)) if removal == "weighted-common" else found
