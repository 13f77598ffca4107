"""Losses of self-supervised learning: two views of the same should be embedded alike."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.errors import UsageError

_NEVER = -1e4
_VIEWS = Float[Tensor, "pairs embed"]


def contrastive_loss(
    first: _VIEWS, second: _VIEWS, *, temperature: float = 0.1
) -> Float[Tensor, ""]:
    """NT-Xent: each view has to find its partner among all other views of the batch.

    Source: Chen et al., SimCLR, ICML 2020, equation 1; the mean over both directions.
    """
    views = functional.normalize(torch.cat([first, second]), dim=1)
    logits = views @ views.T / temperature
    logits = logits.masked_fill(
        torch.eye(len(views), dtype=torch.bool, device=views.device), _NEVER
    )
    partners = torch.arange(len(views), device=views.device).roll(len(first))
    return functional.cross_entropy(logits, partners)


def redundancy_loss(
    first: _VIEWS, second: _VIEWS, *, off_diagonal: float = 0.0051
) -> Float[Tensor, ""]:
    """Barlow Twins: the correlation of both views' channels should be the identity matrix.

    Channels are standardised over the batch (biased variance, 1e-5 added as in batch norm) and
    their products divided by its size. Source: Zbontar et al., Barlow Twins, ICML 2021.
    """
    if len(first) < 2:
        raise UsageError("the redundancy loss compares channels over a batch; give two pairs.")
    correlation = _standardised(first).T @ _standardised(second) / len(first)
    difference = correlation - torch.eye(len(correlation), device=first.device)
    diagonal = difference.diagonal().square().sum()
    return diagonal + off_diagonal * (difference.square().sum() - diagonal)


def _standardised(views: _VIEWS) -> _VIEWS:
    return functional.batch_norm(views, None, None, training=True)


def predictor_loss(
    predicted: tuple[_VIEWS, _VIEWS], projected: tuple[_VIEWS, _VIEWS]
) -> Float[Tensor, ""]:
    """SimSiam: each view's prediction should point where the other's projection does.

    No gradient flows into the projections; -1 is perfect. Source: Chen and He, Exploring Simple
    Siamese Representation Learning, CVPR 2021, equations 1 to 3.
    """
    (p1, p2), (z1, z2) = predicted, projected
    alike = functional.cosine_similarity(p1, z2.detach()) + functional.cosine_similarity(
        p2, z1.detach()
    )
    return -alike.mean() / 2


def distillation_loss(
    student: _VIEWS,
    teacher: _VIEWS,
    *,
    centre: Float[Tensor, "1 embed"],
    teacher_temperature: float,
    student_temperature: float = 0.1,
) -> Float[Tensor, ""]:
    """DINO, for one view of each: cross-entropy of the student to the centred, sharper teacher.

    No gradient flows into the teacher. Source: Caron et al., Emerging Properties in
    Self-Supervised Vision Transformers, ICCV 2021, equation 1 and algorithm 1.
    """
    wanted = ((teacher.detach() - centre) / teacher_temperature).softmax(dim=1)
    return -(wanted * (student / student_temperature).log_softmax(dim=1)).sum(dim=1).mean()


def teacher_temperatures(
    warmup: float, final: float, *, warmup_epochs: int, epochs: int
) -> tuple[float, ...]:
    """One temperature per epoch: evenly from `warmup` to `final`, then constant."""
    rising = torch.linspace(warmup, final, warmup_epochs, dtype=torch.float64).tolist()
    return (*rising, *[final] * (epochs - warmup_epochs))[:epochs]
