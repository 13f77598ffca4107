"""Gradients of a similarity with respect to both views: formulas, of any function to embeddings."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.pairs.method import SecondPixels, cosines

Embed = Callable[[Tensor], Tensor]
PixelMaps = Float[Tensor, "_ _ _"]


@dataclass(frozen=True, eq=False)
class Slopes:
    """Gradients of the cosines of pairs, each with respect to its two views."""

    first: Float[Tensor, "batch 3 height width"]
    second: Float[Tensor, "batch 3 height2 width2"]


def slopes(embed: Embed, first: Pixels, second: SecondPixels) -> Slopes:
    """One forward and one backward pass of both views of each pair."""
    first, second = (view.detach().clone().requires_grad_() for view in (first, second))
    similarity = cosines(embed(first), embed(second)).sum()
    return Slopes(*torch.autograd.grad(similarity, (first, second)))


def mean_slopes(
    embed: Embed, firsts: Pixels, seconds: SecondPixels, *, together: int = 8
) -> Slopes:
    """The mean over many versions of one pair: version i of the one view with i of the other."""
    sums: list[Tensor] = [torch.zeros_like(views[:1]) for views in (firsts, seconds)]
    for first, second in zip(
        torch.split(firsts, together), torch.split(seconds, together), strict=True
    ):
        found = slopes(embed, first, second)
        sums[0] += found.first.sum(dim=0, keepdim=True)
        sums[1] += found.second.sum(dim=0, keepdim=True)
    return Slopes(sums[0] / len(firsts), sums[1] / len(seconds))


def path_slopes(embed: Embed, path: Pixels, *, together: int = 8) -> Slopes:
    """The means over k >= 1 of the gradients of s(path 0, path k), for path 0 and for path k.

    The gradient for the first image is the one of the mean similarity, so that it takes one pass,
    whatever the length of the path. Guided gradients do not add up in this way: see
    `guided_path_slopes`.
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


def guided_path_slopes(embed: Embed, path: Pixels) -> Slopes:
    """The same, with a backward pass of the first image for each of the others."""
    return mean_slopes(embed, path[:1].expand_as(path[1:]), path[1:])


def input_times_gradient(
    images: Float[Tensor, "batch 3 height width"], gradients: Float[Tensor, "batch 3 height width"]
) -> Float[Tensor, "batch height width"]:
    """The largest over the channels of |input times gradient|; never negative."""
    return (images * gradients).abs().amax(dim=1)


def mixed_path(first: Pixels, second: Pixels, *, shares: Float[Tensor, " steps"]) -> SecondPixels:
    """Share x first + (1 - share) x second, share after share, of one pair."""
    weights = shares.to(first).view(-1, 1, 1, 1)
    return weights * first + (1 - weights) * second


def _positive_part(gradient: Tensor) -> Tensor:
    return gradient.clamp(min=0)


@contextmanager
def guided(module: nn.Module) -> Iterator[None]:
    """Backward passes keep only positive gradients at each ReLU module (guided backpropagation).

    ReLUs that are functions, not modules, let all through. Raises `UsageError` for a module
    without any.
    """
    units = [child for child in module.modules() if isinstance(child, nn.ReLU)]
    if not units:
        raise UsageError(
            f"{type(module).__name__} has no nn.ReLU module, so that guided gradients are plain "
            "ones. Ask for plain ones."
        )

    def positive(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(_positive_part)  # type: ignore[no-untyped-call]

    with ExitStack() as undo:
        for unit in units:
            undo.callback(unit.register_forward_hook(positive).remove)
        yield
