"""Gradients of a similarity with respect to both views: formulas, of any function to embeddings."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.pairs.method import SecondPixels, cosines

Embed = Callable[[Tensor], Tensor]
PixelMaps = Float[Tensor, "_ _ _"]
Rule = Literal["gradient", "guided"]


@dataclass(frozen=True, eq=False)
class Slopes:
    """Gradients of the cosines of pairs, each with respect to its two views."""

    first: Float[Tensor, "batch 3 height width"]
    second: Float[Tensor, "batch 3 height2 width2"]


class PairSimilarity(nn.Module):
    """A function of two images as Captum explains it, with the module that computes it."""

    def __init__(self, module: nn.Module, embed: Embed) -> None:
        super().__init__()
        self.module, self.embed = module, embed

    def forward(self, first: Pixels, second: SecondPixels) -> Float[Tensor, " batch"]:
        """The cosine of each pair."""
        return cosines(self.embed(first), self.embed(second))


def slopes(
    similarity: PairSimilarity, first: Pixels, second: SecondPixels, *, rule: Rule = "gradient"
) -> Slopes:
    """One forward and one backward pass of both views of each pair, by Captum.

    "guided" keeps only positive gradients at each ReLU module (guided backpropagation); ReLUs that
    are functions, not modules, let all through. Raises `UsageError` for a module without any.
    """
    from captum.attr import GuidedBackprop, Saliency

    views = tuple(view.detach().clone().requires_grad_() for view in (first, second))
    if rule == "gradient":
        return Slopes(*Saliency(similarity).attribute(views, abs=False))
    _check_rectified(similarity.module)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting backward hooks on ReLU activations")
        return Slopes(*GuidedBackprop(similarity).attribute(views))


def mean_slopes(
    similarity: PairSimilarity,
    firsts: Pixels,
    seconds: SecondPixels,
    *,
    rule: Rule = "gradient",
    together: int = 8,
) -> Slopes:
    """The mean over many versions of one pair: version i of the one view with i of the other."""
    sums: list[Tensor] = [torch.zeros_like(views[:1]) for views in (firsts, seconds)]
    for first, second in zip(
        torch.split(firsts, together), torch.split(seconds, together), strict=True
    ):
        found = slopes(similarity, first, second, rule=rule)
        sums[0] += found.first.sum(dim=0, keepdim=True)
        sums[1] += found.second.sum(dim=0, keepdim=True)
    return Slopes(sums[0] / len(firsts), sums[1] / len(seconds))


def path_slopes(embed: Embed, path: Pixels, *, together: int = 8) -> Slopes:
    """The means over k >= 1 of the gradients of s(path 0, path k), for path 0 and for path k.

    The gradient for the first image is the one of the mean similarity, so that it takes one pass,
    whatever the length of the path. Guided gradients do not add up in this way: see
    `step_slopes`.
    """
    start = path[:1].detach().clone().requires_grad_()
    from_start = embed(start)
    fixed = from_start.detach().requires_grad_()
    pull = torch.zeros_like(fixed)
    total = torch.zeros_like(start)
    for chunk in torch.split(path[1:], together):
        images = chunk.detach().clone().requires_grad_()
        similarity = cosines(fixed.expand(len(images), -1), embed(images)).sum()
        of_start, of_images = torch.autograd.grad(similarity, (fixed, images))
        pull += of_start
        total += of_images.sum(dim=0, keepdim=True)
    (first,) = torch.autograd.grad(from_start, start, pull)
    steps = len(path) - 1
    return Slopes(first / steps, total / steps)


def step_slopes(similarity: PairSimilarity, path: Pixels, *, rule: Rule) -> Slopes:
    """The same by any rule, with a backward pass of the first image for each of the others."""
    return mean_slopes(similarity, path[:1].expand_as(path[1:]), path[1:], rule=rule)


def summed_product(
    images: Float[Tensor, "batch 3 height width"], gradients: Float[Tensor, "batch 3 height width"]
) -> Float[Tensor, "batch height width"]:
    """Input times gradient, summed over the channels: what setting a pixel to 0 loses."""
    return (images * gradients).sum(dim=1)


def largest_product(
    images: Float[Tensor, "batch 3 height width"], gradients: Float[Tensor, "batch 3 height width"]
) -> Float[Tensor, "batch height width"]:
    """The largest over the channels of |input times gradient|; never negative."""
    return (images * gradients).abs().amax(dim=1)


def mixed_path(first: Pixels, second: Pixels, *, shares: Float[Tensor, " steps"]) -> SecondPixels:
    """Share x first + (1 - share) x second, share after share, of one pair."""
    weights = shares.to(first).view(-1, 1, 1, 1)
    return weights * first + (1 - weights) * second


def _check_rectified(module: nn.Module) -> None:
    if not any(isinstance(child, nn.ReLU) for child in module.modules()):
        raise UsageError(
            f"{type(module).__name__} has no nn.ReLU module, so that guided gradients are plain "
            "ones. Ask for plain ones."
        )
