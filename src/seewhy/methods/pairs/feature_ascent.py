"""Gradient ascent on an image, small to large."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Pixels
from seewhy.base.errors import DataError, UsageError
from seewhy.methods.pairs.objectives import Objective
from seewhy.methods.pairs.site_features import Features, Progress
from seewhy.methods.pairs.total_variation import total_variation


@dataclass(frozen=True)
class Ascent:
    """How an image climbs: `steps` of `step_size` times the gradient, within 0 and 1.

    Scaling "mean" divides the gradient by its mean absolute value, so that `step_size` is how much
    a pixel changes in the mean; "raw" takes it as it is. Smoothing "growing" blurs gradients, step
    i of n with a deviation of 2 i / n + 0.5 pixels. `length_weight` and `variation_weight` hold
    the image's Euclidean length and its squared total variation down.
    """

    steps: int = 100
    step_size: float = 0.005
    scaling: Literal["mean", "raw"] = "mean"
    smoothing: Literal["growing", "none"] = "growing"
    length_weight: float = 0.0
    variation_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.step_size <= 0:
            raise UsageError(f"at least one step of a size above 0 is needed: {self}.")


@dataclass(frozen=True)
class Octaves:
    """How many sizes are climbed at, each `scale` times larger than the one before."""

    count: int = 1
    scale: float = 1.4

    def __post_init__(self) -> None:
        if self.count < 1 or self.scale <= 1:
            raise UsageError(f"at least one size, and a scale above 1, are needed: {self}.")

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """Heights and widths, smallest first."""
        found = [(height, width)]
        for _ in range(self.count - 1):
            rows, cols = (max(round(side / self.scale), 1) for side in found[-1])
            found.append((rows, cols))
        return found[::-1]


@dataclass(frozen=True, eq=False)
class Climbed:
    """Images from 0 to 1, and the objective before each step, over all sizes in turn.

    `detail` is what the last size has added to the image that it began with.
    """

    images: Pixels
    values: Float[Tensor, "steps batch"]
    detail: Pixels


@dataclass(frozen=True)
class Climb:
    """What is climbed, and how."""

    objective: Objective
    ascent: Ascent
    octaves: Octaves = Octaves()


def climb(
    features: Features,
    start: Pixels,
    target: Pixels,
    *,
    how: Climb,
    progress: Progress | None = None,
) -> Climbed:
    """The images that the features of `target` lead to from `start`; both are of one size.

    Start and target are made smaller step by step; what is found at one size is enlarged and added
    to the start of the next. Images do not see each other. Raises `DataError` with the code
    "non_finite" for an objective that is NaN or infinite.
    """
    sizes = how.octaves.sizes(*start.shape[2:])
    starts, targets = (list(_shrunk(images, sizes)) for images in (start, target))
    values: list[Tensor] = []
    detail = torch.zeros_like(starts[0])
    image = starts[0]
    for base, aim in zip(starts, targets, strict=True):
        image = base + resized(detail, base.shape[2:])
        with torch.no_grad():
            wanted = features(aim)
        for step in range(how.ascent.steps):
            image, value = _stepped(features, image, wanted, how=how, step=step)
            values.append(value)
            if progress is not None:
                progress(len(values), len(sizes) * how.ascent.steps)
        detail = image - base
    return Climbed(image, torch.stack(values), detail)


def resized(images: Pixels, size: tuple[int, ...]) -> Float[Tensor, "batch 3 rows cols"]:
    """Linear between pixels, corner on corner, without smoothing before."""
    if images.shape[2:] == size:
        return images
    return functional.interpolate(images, size, mode="bilinear", align_corners=True)


def _shrunk(images: Pixels, sizes: list[tuple[int, int]]) -> Iterator[Pixels]:
    """Each size is made of the next larger one; the smallest comes first."""
    found = [images]
    for size in sizes[-2::-1]:
        found.append(resized(found[-1], size))
    return reversed(found)


def _stepped(
    features: Features, image: Pixels, wanted: Tensor, *, how: Climb, step: int
) -> tuple[Pixels, Float[Tensor, " batch"]]:
    ascent = how.ascent
    image = image.detach().requires_grad_()
    value = how.objective(features(image), wanted)
    if ascent.length_weight:
        value = value - ascent.length_weight * image.flatten(1).norm(dim=1)
    if ascent.variation_weight:
        value = value - ascent.variation_weight * total_variation(image)
    if not value.isfinite().all():
        raise DataError(
            "non_finite",
            f"the objective is NaN or infinite at step {step}. Look for weights that overflow, "
            "and try float32.",
        )
    (gradient,) = torch.autograd.grad(value.sum(), image)
    if ascent.smoothing == "growing":
        gradient = smoothed(gradient, deviation=2 * (step + 1) / ascent.steps + 0.5)
    if ascent.scaling == "mean":
        gradient = gradient / _mean_size(gradient)
    moved = image.detach() + ascent.step_size * gradient
    return moved.clamp(0, 1), value.detach()


def smoothed(images: Pixels, *, deviation: float) -> Pixels:
    """Blurred by a Gaussian over both axes; beyond the border an image is mirrored."""
    blurred = ndimage.gaussian_filter(images.cpu().numpy(), deviation, axes=(2, 3))
    return torch.from_numpy(blurred).to(images)


def _mean_size(gradient: Pixels) -> Float[Tensor, "batch 1 1 1"]:
    """Of each image, and never zero: an image without a gradient stays where it is."""
    size = gradient.abs().mean(dim=(1, 2, 3), keepdim=True)
    return size.clamp(min=torch.finfo(gradient.dtype).tiny)
