"""From tokens and texts to one map per text."""

from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import TextEmbeddings
from seewhy.methods.text_maps.features import (
    Similarities,
    class_weights,
    similarities,
    without_common,
    without_redundant,
)
from seewhy.methods.text_maps.tokens import ImageTokens

Removal = Literal["redundant", "common", "weighted-common", "nothing"]


@dataclass(frozen=True)
class TextMaps:
    """One map per image and text over the patches, and the cosines of the whole images."""

    maps: Float[Tensor, "batch texts rows cols"]
    whole: Float[Tensor, "batch texts"]


def text_maps(
    tokens: ImageTokens,
    texts: TextEmbeddings,
    *,
    redundant: Float[Tensor, "1 embed"],
    removal: Removal,
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
