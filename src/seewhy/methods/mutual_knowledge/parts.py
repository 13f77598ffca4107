"""Parts of the foreground: patches that are alike, and the pixels that they cover."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from seewhy.base.errors import UsageError
from seewhy.methods.mutual_knowledge.clustering import Clusters, k_means
from seewhy.methods.mutual_knowledge.components import principal_scores
from seewhy.methods.mutual_knowledge.foreground import Fit
from seewhy.methods.mutual_knowledge.regions import upsampled

PartMethod = Literal["kmeans", "pca"]

BACKGROUND = -1

TokenRows = Float[Tensor, "tokens dim"]
PatchTokens = Float[Tensor, "batch rows cols dim"]
PatchMask = Bool[Tensor, "batch rows cols"]
PartGrid = Int[Tensor, "batch rows cols"]


def part_grids(
    tokens: PatchTokens,
    mask: PatchMask,
    *,
    by: PartMethod = "kmeans",
    parts: int = 5,
    fit: Fit = "image",
    seed: int = 0,
) -> PartGrid:
    """The part of each foreground patch, from 0 to `parts` - 1; -1 on the background.

    `fit` "joint" finds parts of all images together, as published: a label then means the same
    in each image, and depends on the rest of the batch. "image" takes each image by itself.
    Images may lack parts; one without foreground has none.
    """
    if parts < 1:
        raise UsageError(f"{parts} parts were asked for. Ask for 1 or more.")
    labels = _labelling(by, parts, seed)
    size = max(len(tokens), 1) if fit == "joint" else 1
    groups = zip(torch.split(tokens, size), torch.split(mask, size), strict=True)
    return torch.cat([label_grid(labels(each[where]), where) for each, where in groups])


def pca_labels(tokens: TokenRows, parts: int) -> Int[Tensor, " tokens"]:
    """The principal component, scaled to 0..1 over the rows, that each token has most of.

    Ties go to the lower one, so tokens that are all alike are of part 0.
    """
    if len(tokens) == 0:
        return torch.zeros(0, dtype=torch.long, device=tokens.device)
    return principal_scores(tokens, components=parts).argmax(dim=1)


def kmeans_clusters(
    tokens: TokenRows, parts: int, *, seed: int = 0, init: Int[Tensor, " parts"] | None = None
) -> Clusters:
    """K-means of tokens of unit length; labels may be fewer than `parts`, never more.

    The published code starts at random without a seed; `init` are the rows it started at.
    """
    return k_means(functional.normalize(tokens.float(), dim=-1), parts, seed=seed, init=init)


def label_grid(labels: Int[Tensor, " tokens"], mask: PatchMask) -> PartGrid:
    """Labels of the foreground patches, image by image and row by row, on their grids."""
    grids = torch.full(mask.shape, BACKGROUND, dtype=torch.long, device=mask.device)
    grids[mask] = labels
    return grids


def part_pixels(
    grids: PartGrid, mask: Bool[Tensor, "batch height width"]
) -> Int[Tensor, "batch height width"]:
    """The part of each pixel by its patch; -1 outside the mask and on background patches."""
    height, width = mask.shape[1:]
    return upsampled(grids, (height, width)).masked_fill(~mask, BACKGROUND)


def _labelling(
    by: PartMethod, parts: int, seed: int
) -> Callable[[TokenRows], Int[Tensor, " tokens"]]:
    if by == "pca":
        return lambda tokens: pca_labels(tokens, parts)
    return lambda tokens: kmeans_clusters(tokens, parts, seed=seed).labels
