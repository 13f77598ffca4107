"""The settings of a graft, and the matching of units that it follows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seewhy.base.errors import UsageError
from seewhy.methods.grafting.moments import Moments
from seewhy.models.protocols import ClassifierLike
from seewhy.models.sites import Site

EPSILON = 1e-5
"""Added to every standard deviation before dividing by it, as published."""


@dataclass(frozen=True)
class Grafting:
    """How another network's maps are put inside a dual encoder.

    A graft is z * gain + mean, z = (a - mean) / (std + 1e-5) the standardised source map.
    "paper" takes the gain as published, the target's std, and taps `conv1..3` before batch norm;
    "default" takes std + 1e-5, so that grafting a map on itself changes nothing, and taps what
    the classifier offers. `resize` is "bilinear" in the paper's text, "bicubic" in its notebook.

    Source: Koller et al., Caption-Driven Explainability, ICIP workshop 2025, arXiv 2510.22035.
    """

    protocol: Literal["paper", "default"] = "default"
    resize: Literal["bilinear", "bicubic"] = "bilinear"

    def sites(self, classifier: ClassifierLike) -> tuple[Site, ...]:
        """The sites of the classifier whose maps are matched, in forward order."""
        return paper_sites(classifier) if self.protocol == "paper" else classifier.sites()


DEFAULT = Grafting()


def paper_sites(classifier: ClassifierLike) -> tuple[Site, ...]:
    """The convolutions called conv1, conv2, conv3, before batch norm, without downsampling.

    Raises `UsageError` for a classifier that has none: only ResNets call them so.
    """
    names = ("conv1", "conv2", "conv3")
    sites = tuple(
        Site(name)
        for name, module in classifier.module.named_modules()
        if isinstance(module, nn.Conv2d) and name.rpartition(".")[2] in names
    )
    if not sites:
        raise UsageError(
            f"{classifier.name} has no convolutions called conv1, conv2 or conv3, which "
            "protocol='paper' taps. Use protocol='default'."
        )
    return sites


@dataclass(frozen=True)
class SourceUnits:
    """Every unit of the source network: its site (an index into `sites`), channel, moments."""

    sites: tuple[Site, ...]
    site: Int[Tensor, " sources"]
    channel: Int[Tensor, " sources"]
    mean: Float[Tensor, " sources"]
    std: Float[Tensor, " sources"]

    @classmethod
    def listed(cls, sites: Sequence[Site], moments: Sequence[Moments]) -> "SourceUnits":
        """The units of sites with these moments, in the order of the sites."""
        channels = [len(own.mean) for own in moments]
        return cls(
            sites=tuple(sites),
            site=torch.arange(len(channels)).repeat_interleave(torch.tensor(channels)),
            channel=torch.cat([torch.arange(count) for count in channels]),
            mean=torch.cat([own.mean for own in moments]),
            std=torch.cat([own.std for own in moments]),
        )


@dataclass(frozen=True)
class StageMatch:
    """The best source unit for each unit of one stage of the encoder.

    `best` counts through all source units; `score` is their mean standardised product, a
    correlation shrunk by epsilon (-1 to 1), NaN where it was not measured.
    """

    site: Site
    best: Int[Tensor, " targets"]
    score: Float[Tensor, " targets"]
    mean: Float[Tensor, " targets"]
    std: Float[Tensor, " targets"]


@dataclass(frozen=True)
class Matching:
    """Which source unit stands in for each unit of the encoder, measured on `images` images."""

    sources: SourceUnits
    stages: tuple[StageMatch, ...]
    images: int

    def units_per_site(self, stage: StageMatch) -> dict[str, int]:
        """How many units of a stage are matched with each source site; sums to its units."""
        counts = self.sources.site[stage.best].bincount(minlength=len(self.sources.sites))
        return {
            site.name: count
            for site, count in zip(self.sources.sites, counts.tolist(), strict=True)
        }


def permuted(matching: Matching, generator: torch.Generator) -> Matching:
    """A control: within each stage the same source units, dealt to the targets at random."""
    return replace(
        matching, stages=tuple(_permuted_stage(stage, generator) for stage in matching.stages)
    )


def _permuted_stage(stage: StageMatch, generator: torch.Generator) -> StageMatch:
    order = torch.randperm(len(stage.best), generator=generator, device=generator.device)
    unknown = torch.full_like(stage.score, torch.nan)
    return replace(stage, best=stage.best[order.to(stage.best.device)], score=unknown)
