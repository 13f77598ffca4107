"""Which text of a bank each unit of a site answers to, or that none can be told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.data.records import Failure, ImageRecord
from seewhy.methods.unit_naming.activations import Summary, answers, strongest_images
from seewhy.methods.unit_naming.jobs import Responses, UnitsJob
from seewhy.methods.unit_naming.scoring import (
    Protocol,
    Similarity,
    scores_in_order,
    true_order,
)
from seewhy.methods.unit_naming.shuffling import best_by_chance, corrected_p_values, p_values
from seewhy.models.finding import find_site
from seewhy.models.protocols import DualEncoder
from seewhy.models.sites import Site
from seewhy.passes.bank_embeddings import BankEmbeddings
from seewhy.passes.jobs import run_job
from seewhy.passes.options import PassOptions
from seewhy.taps.forward import Network

SHOWN_IMAGES = 6


@dataclass(frozen=True, eq=False)
class UnitNames:
    """What each unit of a site answers to.

    `best` holds the ids of the best texts, from the best on, `scores` theirs; a unit that is
    `silent`, the same on all images, has scores of NaN. `p_value` is a unit's own, `corrected` that
    over all units: see `seewhy.methods.unit_naming.shuffling`. `strongest` are positions among
    `ids`, the images that were used.
    """

    site: Site
    texts: tuple[str, ...]
    best: Int[Tensor, "units k"]
    scores: Float[Tensor, "units k"]
    p_value: Float[Tensor, " units"]
    corrected: Float[Tensor, " units"]
    silent: Bool[Tensor, " units"]
    level: float
    ids: tuple[str, ...]
    strongest: Int[Tensor, "units shown"]
    failures: tuple[Failure, ...] = field(default=())

    @property
    def names(self) -> tuple[str | None, ...]:
        """The best text of each unit, None where shuffled images give one as good."""
        named = (self.corrected <= self.level).tolist()
        return tuple(
            self.texts[first] if is_named else None
            for first, is_named in zip(self.best[:, 0].tolist(), named, strict=True)
        )

    @property
    def margin(self) -> Float[Tensor, " units"]:
        """The score of the best text less that of the next; 0 or more."""
        return self.scores[:, 0] - self.scores[:, 1]


@dataclass(frozen=True)
class UnitNaming:
    """Names units by the similarities of a dual encoder, in the spirit of CLIP-Dissect.

    `summary` makes one number of a unit's map. `similarity` compares these numbers with the cosines
    of image and text; see `scoring`. A name is given where the corrected p-value of `shuffles`
    shuffles of the images is at most `level`. More than `most_images` images are thinned out by
    chance, which bounds the memory. `protocol` "published" takes soft WPMI's prior over the units
    and its 100 images whatever their number; "mended" takes the prior by chance and at most a
    tenth. In both equal activations stand in an order drawn at random, not in that of the files.

    Source: Oikarinen and Weng, CLIP-Dissect, ICLR 2023; the test by shuffling is ours.
    """

    similarity: Similarity = "soft-wpmi"
    summary: Summary = "mean"
    protocol: Protocol = "mended"
    best_texts: int = 5
    shuffles: int = 199
    level: float = 0.05
    most_images: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.best_texts < 2 or self.shuffles < 1 or not 0 < self.level < 1:
            raise UsageError(
                f"best_texts {self.best_texts} must be at least 2, shuffles {self.shuffles} at "
                f"least 1, and level {self.level} between 0 and 1."
            )
        if (1 + self.shuffles) * self.level < 1:
            raise UsageError(
                f"{self.shuffles} shuffles can show nothing at level {self.level}: the smallest "
                f"p-value is 1 / {1 + self.shuffles}. Shuffle more often."
            )

    def name_units(
        self,
        model: Network,
        site: str | Site,
        *,
        images: Sequence[ImageRecord | Image.Image],
        bank: BankEmbeddings,
        encoder: DualEncoder,
    ) -> UnitNames:
        """The names of all units of a site, from one pass over the images.

        Raises `UsageError` for an unknown site and too few images, `DataError` when none can be
        used; single images that cannot are in `failures`.
        """
        job = self.job(model, site, encoder=encoder)
        part = run_job(job, self.chosen(_records(images)), PassOptions())
        return self.names(job.responses(part), bank, site=job.site)

    def job(self, model: Network, site: str | Site, *, encoder: DualEncoder) -> UnitsJob:
        """The pass over the images, for those who run it themselves."""
        found = find_site(model, site) if isinstance(site, str) else site
        return UnitsJob(model, found, encoder=encoder, summary=self.summary)

    def chosen(self, records: Sequence[ImageRecord]) -> Sequence[ImageRecord]:
        """The records to look at, in their order: all, or `most_images` of them by chance."""
        if len(records) <= self.most_images:
            return records
        taken = torch.randperm(len(records), generator=self._chance())[: self.most_images]
        return [records[number] for number in sorted(taken.tolist())]

    def names(self, responses: Responses, bank: BankEmbeddings, *, site: Site) -> UnitNames:
        """The names that follow from a pass."""
        chance = self._chance()
        # Units that are 0 on most images would take the first files for their strongest.
        order = torch.randperm(len(responses.ids), generator=chance)
        activations = responses.activations[order]
        similarities = responses.embeddings[order] @ bank.raw.T
        speaking = answers(activations)
        count = min(self.best_texts, len(bank.bank))
        found = _Found.nothing(len(speaking), count)
        if speaking.any():
            score = scores_in_order(
                activations[:, speaking],
                similarities,
                similarity=self.similarity,
                protocol=self.protocol,
            )
            scores = score(true_order(len(order)))
            shuffled = best_by_chance(score, len(order), shuffles=self.shuffles, generator=chance)
            found.fill(speaking, scores, shuffled)
        strongest = order[strongest_images(activations, count=SHOWN_IMAGES)]
        return UnitNames(
            site=site,
            texts=bank.bank.texts,
            best=found.best,
            scores=found.scores,
            p_value=found.p_value,
            corrected=found.corrected,
            silent=~speaking,
            level=self.level,
            ids=responses.ids,
            strongest=strongest,
            failures=responses.failures,
        )

    def _chance(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.seed)


@dataclass(frozen=True, eq=False)
class _Found:
    """Rows for all units, filled for those that speak."""

    best: Int[Tensor, "units k"]
    scores: Float[Tensor, "units k"]
    p_value: Float[Tensor, " units"]
    corrected: Float[Tensor, " units"]

    @classmethod
    def nothing(cls, units: int, count: int) -> "_Found":
        return cls(
            torch.zeros(units, count, dtype=torch.int64),
            torch.full((units, count), torch.nan),
            torch.ones(units),
            torch.ones(units),
        )

    def fill(
        self,
        speaking: Bool[Tensor, " units"],
        scores: Float[Tensor, "speaking texts"],
        shuffled: Float[Tensor, "shuffles speaking"],
    ) -> None:
        values, texts = scores.sort(dim=1, descending=True, stable=True)
        count = self.best.shape[1]
        self.best[speaking], self.scores[speaking] = texts[:, :count], values[:, :count]
        self.p_value[speaking] = p_values(values[:, 0], shuffled)
        self.corrected[speaking] = corrected_p_values(values[:, 0], shuffled)


def _records(images: Sequence[ImageRecord | Image.Image]) -> list[ImageRecord]:
    """Images in memory get their numbers for ids."""
    return [_record(number, each) for number, each in enumerate(images)]


def _record(number: int, image: ImageRecord | Image.Image) -> ImageRecord:
    if isinstance(image, ImageRecord):
        return image
    return ImageRecord(f"image {number}", partial(image.convert, "RGB"))
