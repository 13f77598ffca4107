"""Leading components of tokens, with signs that do not depend on a library's version."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.errors import DataError

Decomposition = Literal["svd", "pca"]

_VANISHING = 1e-7

TokenRows = Float[Tensor, "*any tokens dim"]
Scores = Float[Tensor, "*any tokens components"]


def component_scores(
    tokens: TokenRows, *, by: Decomposition, components: int = 3, scaled: bool = False
) -> Scores:
    """What each token has of the leading components, the minority of tokens above zero.

    "pca" centres the tokens and projects them on the principal axes. "svd" brings each token to
    unit length and gives left singular vectors: eigenvectors of the tokens' cosines. Each axis
    has its entry of largest magnitude above zero; then scores of which more than half, but not
    all, are above zero change their sign. `scaled` brings each component to 0..1. A component
    that the tokens do not have, as there are too few or all are alike, is zero everywhere.
    Leading axes are further groups of tokens, each decomposed by itself.
    Raises `DataError` ("non_finite") for tokens that are not finite.

    Source: Sammani and Deligiannis, Interpreting and Analysing CLIP's Zero-Shot Image
    Classification via Mutual Knowledge, NeurIPS 2024; the rule for axes is ours.
    """
    scores = minority_above_zero(_projected(tokens, by=by, components=components))
    return (min_max(scores) if scaled else scores).to(tokens.dtype)


def principal_scores(tokens: TokenRows, *, components: int) -> Scores:
    """Projections on the principal axes, scaled to 0..1 each; signs as the axes have them."""
    return min_max(_projected(tokens, by="pca", components=components)).to(tokens.dtype)


def minority_above_zero(scores: Scores) -> Scores:
    """Scores of which more than half, but not all, are above zero change their sign."""
    share = (scores > 0).double().mean(dim=-2, keepdim=True)
    return torch.where((share > 0.5) & (share < 1), -scores, scores)


def min_max(scores: Scores) -> Scores:
    """Each component from 0 to 1 over its rows; zeros where all are equal."""
    least, most = scores.aminmax(dim=-2, keepdim=True)
    span = most - least
    return ((scores - least) / torch.where(span > 0, span, 1)).clamp(0, 1)


def _projected(tokens: TokenRows, *, by: Decomposition, components: int) -> Scores:
    if not tokens.isfinite().all():
        raise DataError("non_finite", "the model gives NaN or infinity for patches of the image.")
    exact = tokens.double()
    size = torch.linalg.matrix_norm(exact, keepdim=True)
    if by == "pca":
        exact = exact - exact.mean(dim=-2, keepdim=True)
    else:
        exact, size = functional.normalize(exact, dim=-1), tokens.shape[-2] ** 0.5
    vectors, strengths = _axes(exact, components, least=_VANISHING * size)
    scores = exact @ vectors
    if by == "svd":
        scores = scores / torch.where(strengths > 0, strengths, 1)
    return functional.pad(scores, (0, components - scores.shape[-1]))


def _axes(
    tokens: TokenRows, components: int, *, least: Tensor | float
) -> tuple[Float[Tensor, "*any dim components"], Float[Tensor, "*any 1 components"]]:
    """Right singular vectors by the smaller Gram matrix, and their singular values.

    Both are zero where the value is below `least`.
    """
    rows, dim = tokens.shape[-2:]
    kept = min(components, rows, dim)
    turned = tokens.mT
    powers, vectors = torch.linalg.eigh(tokens @ turned if rows < dim else turned @ tokens)
    powers, vectors = (part.flip(-1)[..., :kept] for part in (powers[..., None, :], vectors))
    strengths = powers.clamp(min=0).sqrt()
    is_there = strengths > least
    if rows < dim:
        vectors = turned @ vectors / torch.where(is_there, strengths, 1)
    return _largest_above_zero(vectors) * is_there, strengths * is_there


def _largest_above_zero(
    vectors: Float[Tensor, "*any dim components"],
) -> Float[Tensor, "*any dim components"]:
    largest = vectors.abs().argmax(dim=-2, keepdim=True)
    return torch.where(vectors.gather(-2, largest) < 0, -vectors, vectors)
