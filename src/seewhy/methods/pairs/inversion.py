"""Feature inversion: an image with the features of another one."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import DataError, UsageError
from seewhy.methods.pairs.method import Protocol
from seewhy.methods.pairs.site_features import Features, Progress
from seewhy.methods.pairs.total_variation import Differences, total_variation

_MOMENTUM = 0.9
_SHRINK = 0.1


@dataclass(frozen=True)
class Prior:
    """What holds an image down: the sum of its values' powers, and its total variation.

    With `over` "pixels" both are divided by the number of the pixels, so that the weights serve
    images of any size; "image" leaves them sums, as published.
    """

    power_weight: float = 0.0
    power: int = 6
    variation_weight: float = 3.0
    differences: Differences = "squared"
    over: Literal["pixels", "image"] = "pixels"

    def __call__(self, images: Pixels) -> Float[Tensor, " batch"]:
        """One value per image."""
        powers = images.pow(self.power).flatten(1).sum(dim=1)
        rough = total_variation(images, differences=self.differences)
        total = self.power_weight * powers + self.variation_weight * rough
        return total / images[0].numel() if self.over == "pixels" else total


@dataclass(frozen=True)
class Inversion:
    """How features are inverted; `rate` is that of Adam, or of descent with a momentum of 0.9.

    `feature_weight` is that of the squared distance to the wanted features, divided by their
    squared length. With `decay_every` n the rate shrinks to a tenth after the first step and after
    each n steps from there. As published the image is brought within 0 and 1 before each step, so
    that the last result may leave these bounds; by default after each step.
    """

    steps: int = 200
    rate: float = 0.05
    optimiser: Literal["adam", "momentum"] = "adam"
    decay_every: int = 0
    feature_weight: float = 1.0
    prior: Prior = Prior()
    protocol: Protocol = "mended"

    def __post_init__(self) -> None:
        if self.steps < 1 or self.rate <= 0 or self.decay_every < 0:
            raise UsageError(
                f"at least one step, a rate above 0 and a decay of 0 or more are needed: {self}."
            )

    @classmethod
    def published(cls) -> "Inversion":
        """The constants of the published demonstration, for the network in question."""
        prior = Prior(power_weight=1e-7, variation_weight=1e-8, over="image")
        return cls(
            steps=201,
            rate=1e4,
            optimiser="momentum",
            decay_every=40,
            feature_weight=0.1,
            prior=prior,
            protocol="published",
        )

    def undecayed(self) -> "Inversion":
        """The same at a constant rate, as published for the network that is compared with."""
        return replace(self, decay_every=0)


@dataclass(frozen=True, eq=False)
class Inverted:
    """Images, the loss before each step, and how far the features are off in the end.

    `errors` are squared distances to the wanted features by their squared length: 0 is reached, 1
    is what an image without any features has.
    """

    images: Pixels
    losses: Float[Tensor, "steps batch"]
    errors: Float[Tensor, " batch"]


def feature_errors(features: Tensor, target: Tensor) -> Float[Tensor, " batch"]:
    """Squared distance by the target's squared length; a target of zeros gives the distance."""
    distance = (features - target).flatten(1).square().sum(dim=1)
    length = target.flatten(1).square().sum(dim=1)
    return distance / torch.where(length > 0, length, 1.0)


def invert(
    features: Features,
    target: Tensor,
    start: Pixels,
    *,
    how: Inversion,
    progress: Progress | None = None,
) -> Inverted:
    """Images from `start` on whose features come near the target's; they do not see each other.

    Raises `DataError` with the code "non_finite" when the loss is NaN or infinite.
    """
    images = start.detach().clone().requires_grad_()
    optimiser = _optimiser(images, how)
    losses = []
    for step in range(how.steps):
        _bound(images)
        loss = how.feature_weight * feature_errors(features(images), target) + how.prior(images)
        if not loss.isfinite().all():
            raise DataError(
                "non_finite",
                f"the loss is NaN or infinite at step {step}. Give a lower rate than {how.rate:g}.",
            )
        (images.grad,) = torch.autograd.grad(loss.sum(), images)
        optimiser.step()
        losses.append(loss.detach())
        if how.decay_every and step % how.decay_every == 0:
            optimiser.param_groups[0]["lr"] *= _SHRINK
        if progress is not None:
            progress(step + 1, how.steps)
    if how.protocol == "mended":
        _bound(images)
    with torch.no_grad():
        errors = feature_errors(features(images), target)
    return Inverted(images.detach(), torch.stack(losses), errors)


def _optimiser(images: Pixels, how: Inversion) -> torch.optim.Optimizer:
    if how.optimiser == "adam":
        return torch.optim.Adam([images], lr=how.rate)
    return torch.optim.SGD([images], lr=how.rate, momentum=_MOMENTUM)


def _bound(images: Pixels) -> None:
    with torch.no_grad():
        images.clamp_(0, 1)
