"""Gradients of the similarity at the pixels: plain, under noise, and on the way between views."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.methods.pairs.blur import blurred
from seewhy.methods.pairs.gradients import (
    PairSimilarity,
    Rule,
    Slopes,
    largest_product,
    mean_slopes,
    mixed_path,
    path_slopes,
    slopes,
    step_slopes,
    summed_product,
)
from seewhy.methods.pairs.method import PairMaps, PairMethod, SecondPixels, cosines, without_noise
from seewhy.models.guard import device_of, differentiation
from seewhy.models.image_encoders import ImageEncoder

Smoothing = Literal["none", "gaussian"]


@dataclass(frozen=True)
class _Saliency(PairMethod):
    """Input x gradient at each pixel, summed over the channels.

    That is, to first order, what the similarity loses where a pixel becomes 0; it is negative where
    it gains. "published" takes the largest absolute value over the channels: what speaks against a
    similarity then counts as what speaks for it. `rule` "guided" lets only positive gradients
    through ReLU modules. `smoothing` "gaussian" blurs the maps (11 x 11, deviation 5), as published
    maps are. By default a pair with equal embeddings
    gets maps of zeros and a note: at a similarity of 1 the gradient is zero but for rounding.
    """

    rule: Rule = "gradient"
    smoothing: Smoothing = "gaussian"

    @abstractmethod
    def saliency(
        self, similarity: PairSimilarity, first: Pixels, second: SecondPixels
    ) -> tuple[Tensor, Tensor]:
        """Maps of one pair, each (1, height, width)."""

    def check(self, _first: Pixels, _second: SecondPixels) -> None:
        """Raise `UsageError` for views or settings that the method cannot take."""

    def compute(self, encoder: ImageEncoder, first: Pixels, second: SecondPixels) -> PairMaps:
        """Pair by pair, for graphs are large."""
        self.check(first, second)
        device = device_of(encoder.module)
        maps: list[tuple[Tensor, Tensor]] = []
        cosine: list[Tensor] = []
        similarity = PairSimilarity(encoder.module, encoder.embed)
        with differentiation(encoder.module):
            for one, other in zip(torch.split(first, 1), torch.split(second, 1), strict=True):
                pair = [view.clone().to(device, torch.float32) for view in (one, other)]
                with torch.no_grad():
                    cosine.append(cosines(*map(encoder.embed, pair)).cpu())
                found = self.saliency(similarity, *pair)
                maps.append((self._smoothed(found[0]), self._smoothed(found[1])))
        firsts, seconds = (torch.cat(each) for each in zip(*maps, strict=True))
        result = PairMaps(firsts, seconds, torch.cat(cosine))
        return result if self.protocol == "published" else without_noise(result)

    def weighted(self, first: Pixels, second: SecondPixels, found: Slopes) -> tuple[Tensor, Tensor]:
        """Both views times their gradients, (1, height, width) each."""
        by = largest_product if self.protocol == "published" else summed_product
        return by(first, found.first), by(second, found.second)

    def _smoothed(self, maps: Float[Tensor, "_ _ _"]) -> Float[Tensor, "_ _ _"]:
        maps = maps.detach()
        return (blurred(maps[:, None])[:, 0] if self.smoothing == "gaussian" else maps).cpu()


@dataclass(frozen=True)
class InputGradient(_Saliency):
    """Input x gradient of the similarity: one forward and one backward pass of both views.

    Source: Sammani et al., TIP 2023; guided: Springenberg et al., Striving for Simplicity, 2015.
    """

    name: ClassVar[str] = "input-gradient"

    def saliency(
        self, similarity: PairSimilarity, first: Pixels, second: SecondPixels
    ) -> tuple[Tensor, Tensor]:
        """The clean views times their gradients."""
        return self.weighted(first, second, slopes(similarity, first, second, rule=self.rule))


@dataclass(frozen=True)
class SmoothGrad(_Saliency):
    """Gradients averaged under noise that both views share, times the clean views.

    The noise has `level` times the range of the view's values as its deviation, as in the method
    it is named after. "published" divides by the range of the first view instead, for both, which
    is the same where it is 1. Draws come from `seed`, the same ones for every pair; views of
    different sizes cannot share them, and then have their own.

    Source: Smilkov et al., SmoothGrad, 2017; for pairs: Sammani et al., TIP 2023.
    """

    name: ClassVar[str] = "smooth-grad"

    samples: int = 50
    level: float = 0.15
    seed: int = 0

    def check(self, _first: Pixels, _second: SecondPixels) -> None:
        """Refuse to draw nothing."""
        _check_noise(self.level)
        if self.samples < 1:
            raise UsageError(f"SmoothGrad was asked for {self.samples} samples. Use at least 1.")

    def saliency(
        self, similarity: PairSimilarity, first: Pixels, second: SecondPixels
    ) -> tuple[Tensor, Tensor]:
        """As many forward and backward passes of both views as there are samples."""
        ranged = (first, first if self.protocol == "published" else second)
        deviations = map(self.deviation, ranged)
        draws = shared_draws(first, second, samples=self.samples, seed=self.seed)
        noisy = [
            view + deviation * noise
            for view, deviation, noise in zip((first, second), deviations, draws, strict=True)
        ]
        return self.weighted(first, second, mean_slopes(similarity, *noisy, rule=self.rule))

    def deviation(self, view: SecondPixels) -> float:
        """Of the noise, in the unit of the input; 0 for a view of one value."""
        return noise_deviation(view, level=self.level, published=self.protocol == "published")


@dataclass(frozen=True)
class AveragedTransforms(_Saliency):
    """Gradients averaged on the way from the first view to the second, its transformed version.

    Pairs are the first view and each of the mixtures share x first + (1 - share) x second, with
    shares from 1 downwards by `step`. By default the way ends at the second view itself;
    "published" leaves this end out, so that what stands for the second view still has a share of
    `step` of the first. Both views must be of one size. With `level` above 0 noise (see
    `SmoothGrad`) is added to all mixtures but the first and the last.

    Source: Sammani et al., TIP 2023.
    """

    name: ClassVar[str] = "averaged-transforms"

    step: float = 0.1
    level: float = 0.0
    seed: int = 0

    def check(self, _first: Pixels, _second: SecondPixels) -> None:
        """Refuse views of different sizes, which cannot be mixed."""
        _check_noise(self.level)
        if not 0 < self.step < 1:
            raise UsageError(f"step is {self.step}; wanted more than 0 and less than 1.")
        sizes = [tuple(view.shape[2:]) for view in (_first, _second)]
        if sizes[0] != sizes[1]:
            raise UsageError(
                f"views of {sizes[0]} and {sizes[1]} pixels cannot "
                "be mixed. Preprocess both to one size, or use `input-gradient`."
            )

    @property
    def shares(self) -> Float[Tensor, " steps"]:
        """Of the first view, falling from 1."""
        steps = torch.arange(1, 1e-9, -self.step, dtype=torch.float64)
        end = torch.zeros(1 if self.protocol == "mended" else 0, dtype=torch.float64)
        return torch.cat((steps, end)).float()

    def saliency(
        self, similarity: PairSimilarity, first: Pixels, second: SecondPixels
    ) -> tuple[Tensor, Tensor]:
        """The ends of the way times their mean gradients; one pass for each mixture."""
        path = mixed_path(first, second, shares=self.shares)
        if self.level > 0:
            published = self.protocol == "published"
            deviation = noise_deviation(first, level=self.level, published=published)
            draws, _ = shared_draws(first, first, samples=len(path) - 2, seed=self.seed)
            path[1:-1] += deviation * draws
        if self.rule == "gradient":
            found = path_slopes(similarity.embed, path)
        else:
            found = step_slopes(similarity, path, rule=self.rule)
        return self.weighted(path[:1], path[-1:], found)


def noise_deviation(view: SecondPixels, *, level: float, published: bool) -> float:
    """Level times the range of the values, or as published divided by it; 0 where they are one."""
    extent = float(view.max() - view.min())
    if not published:
        return level * extent
    return level / extent if extent > 0 else 0.0


def shared_draws(
    first: Pixels, second: SecondPixels, *, samples: int, seed: int
) -> tuple[SecondPixels, SecondPixels]:
    """Standard normal noise, the same for both views where they are of one size."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.randn(samples, *first.shape[1:], generator=generator).to(first)
    if first.shape == second.shape:
        return found, found
    return found, torch.randn(samples, *second.shape[1:], generator=generator).to(second)


def _check_noise(level: float) -> None:
    if level < 0:
        raise UsageError(f"the level of the noise is {level}; wanted 0 or more.")
