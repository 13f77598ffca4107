"""Losses, as formulas."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

# Finite, so that a row whose texts are all true gives a zero gradient and not NaN.
_NEVER = -1e4


def multi_positive_loss(
    logits: Float[Tensor, "images texts"], is_true: Bool[Tensor, "images texts"]
) -> Float[Tensor, ""]:
    """Contrastive loss in which every text that is true of an image is its positive.

    Each positive competes with the false texts of its image (and the false images of its text),
    never with other positives; rows count equally in each direction. Rows and columns without a
    positive are left out. Source: InfoNCE with several positives, as in Khosla et al.,
    Supervised Contrastive Learning, 2020, but with the other positives out of the denominator.
    """
    return (_one_way(logits, is_true) + _one_way(logits.T, is_true.T)) / 2


def _one_way(
    logits: Float[Tensor, "rows cols"], is_true: Bool[Tensor, "rows cols"]
) -> Float[Tensor, ""]:
    against = logits.masked_fill(is_true, _NEVER).logsumexp(dim=1, keepdim=True)
    surprise = functional.softplus(against - logits).where(is_true, 0.0)
    positives = is_true.sum(dim=1)
    per_row = surprise.sum(dim=1) / positives.clamp(min=1)
    return per_row.sum() / (positives > 0).sum().clamp(min=1)


def grouped_loss(
    logits: Float[Tensor, "images texts"],
    is_true: Bool[Tensor, "images texts"],
    group_sizes: Sequence[int],
    *,
    weights: Sequence[float] | None = None,
) -> Float[Tensor, ""]:
    """Cross-entropy within each group of texts that exclude each other, mean over the groups.

    `weights` are relative to each other, one per group; by default all groups count equally.

    Texts stand group by group. Several true values share the target equally (a scene of several
    objects); an image without a true value in a group does not count there.
    """
    losses = []
    for scores, truth in zip(
        torch.split(logits, list(group_sizes), dim=1),
        torch.split(is_true, list(group_sizes), dim=1),
        strict=True,
    ):
        positives = truth.sum(dim=1)
        surprise = -scores.log_softmax(dim=1).where(truth, 0.0).sum(dim=1)
        per_image = surprise / positives.clamp(min=1)
        losses.append(per_image.sum() / (positives > 0).sum().clamp(min=1))
    shares = torch.tensor(weights or [1.0] * len(losses)).to(logits)
    return (torch.stack(losses) * shares).sum() / shares.sum()
