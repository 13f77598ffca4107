"""Which unit of one network answers to images as a unit of another does."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.methods.grafting.carriers import carriers_of
from seewhy.methods.grafting.method import EPSILON, Matching, SourceUnits, StageMatch
from seewhy.methods.grafting.moments import Moments, Totals, add_totals
from seewhy.methods.grafting.resizing import Size
from seewhy.methods.grafting.stacks import (
    HeldMaps,
    MapStacks,
    few_at_once,
    places_of,
)
from seewhy.methods.grafting.sums import MatchingSums, PairSums, best_sources, unit_moments
from seewhy.models.protocols import ClassifierLike, DualEncoder
from seewhy.models.sites import Site
from seewhy.taps.forward import Network

_logger = logging.getLogger(__name__)

AnyPixels = Float[Tensor, "_ 3 _ _"]
"""A batch of images in a sequence of batches that may differ in number and size."""

PixelPair = tuple[AnyPixels, AnyPixels]
"""The same images, preprocessed for the classifier and for the encoder."""

Precision = Literal["float32", "bfloat16"]
"""What the maps are kept and multiplied in."""

IMAGES_AT_ONCE = 16
"""The most images whose maps are held in memory at once, unless told otherwise.

More at a time are not faster: the products are at the processor's limit already.
"""

_NO_IMAGES = (
    "no images to match units on. Give at least one batch, and of at least two images where "
    "images are permuted."
)


class Matcher:
    """The sums of one pass over image pairs, at most `images_at_once` in memory.

    Memory for the maps is taken with the first images and used again for all later ones.
    """

    def __init__(
        self,
        classifier: Network,
        encoder: DualEncoder,
        *,
        sites: Sequence[Site],
        stages: Sequence[Site],
        images_at_once: int = IMAGES_AT_ONCE,
        precision: Precision = "float32",
    ) -> None:
        if not sites or not stages:
            raise UsageError("no sites to match. Name at least one site and one stage.")
        dtype = getattr(torch, precision)
        self.images_at_once = images_at_once
        self._source = MapStacks(
            classifier, sites, images=images_at_once, dtype=dtype, carried=True
        )
        self._target = MapStacks(encoder, stages, images=images_at_once, dtype=dtype)
        self._sums = PairSums()

    def add(self, source: AnyPixels, target: AnyPixels) -> None:
        """Take in image pairs; raises `DataError` when any map is not finite.

        Of `images_at_once` images or fewer none has been taken in then.
        """
        _refuse_unpaired(source, target)
        first = 0
        while first < len(source):
            few = slice(first, first + self.images_at_once)
            try:
                self._sums.add(self._source.hold(source[few]), self._target.hold(target[few]))
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                self._hold_fewer(error)
            else:
                first = few.stop

    def _hold_fewer(self, error: RuntimeError) -> None:
        """Nothing has been taken in when memory runs out, so the images can come again."""
        if self.images_at_once == 1:
            raise UsageError(
                f"the maps of one image do not fit into memory ({error}). Take a smaller encoder "
                "or classifier, or a machine with more memory."
            ) from error
        self.images_at_once //= 2
        _logger.warning("Out of memory; %d images at a time from now on.", self.images_at_once)
        for stacks in (self._source, self._target):
            stacks.smaller(self.images_at_once)

    def result(self) -> MatchingSums:
        """The sums over all image pairs; call it once, at the end."""
        return self._sums.result()


def _is_out_of_memory(error: RuntimeError) -> bool:
    told = str(error)
    is_cpu = "can't allocate memory" in told or "not enough memory" in told
    return is_cpu or isinstance(error, torch.OutOfMemoryError)


def _refuse_unpaired(source: AnyPixels, target: AnyPixels) -> None:
    if len(source) != len(target):
        raise UsageError(
            f"a batch pairs {len(source)} images for the classifier with {len(target)} for the "
            "encoder. Preprocess the same images for both."
        )


def micro_batches(
    source: AnyPixels, target: AnyPixels, device: torch.device
) -> Iterator[PixelPair]:
    """A batch of image pairs, so many at a time as suit the device that computes."""
    _refuse_unpaired(source, target)
    size = min(few_at_once(pixels, device) for pixels in (source, target))
    yield from zip(torch.split(source, size), torch.split(target, size), strict=True)


def matching_sums(
    classifier: Network,
    encoder: DualEncoder,
    batches: Iterable[PixelPair],
    *,
    sites: Sequence[Site],
    stages: Sequence[Site],
    permute: torch.Generator | None = None,
) -> MatchingSums:
    """The sums of one pass; those of several passes merge, see `matching_from`."""
    matcher = Matcher(classifier, encoder, sites=sites, stages=stages)
    for source, target in batches:
        if permute is None:
            matcher.add(source, target)
        elif len(source) > 1:
            matcher.add(source[_others(len(source), permute)], target)
    return matcher.result()


def _others(images: int, generator: torch.Generator) -> Int[Tensor, " images"]:
    """For each image another one: a random cycle through all, so none is paired with itself."""
    cycle = torch.randperm(images, generator=generator, device=generator.device)
    others = torch.empty_like(cycle)
    others[cycle] = cycle.roll(1)
    return others.cpu()


def _all_sites(model: Network) -> tuple[Site, ...]:
    return model.sites() if isinstance(model, ClassifierLike) else model.stages()


def match_units(
    classifier: Network,
    encoder: DualEncoder,
    batches: Iterable[PixelPair],
    *,
    sites: Sequence[Site] | None = None,
    stages: Sequence[Site] | None = None,
    permute: torch.Generator | None = None,
) -> Matching:
    """The best unit of the classifier for each unit of the encoder, in one pass.

    With `permute` each image is paired with another one of its batch instead of itself, which
    gives the scores to expect by chance: shuffle the images beforehand; a batch of one image is
    left out.
    """
    sites = _all_sites(classifier) if sites is None else sites
    stages = encoder.stages() if stages is None else stages
    sums = matching_sums(classifier, encoder, batches, sites=sites, stages=stages, permute=permute)
    return matching_from(sums, classifier, sites=sites, stages=stages)


def matching_from(
    sums: MatchingSums, classifier: Network, *, sites: Sequence[Site], stages: Sequence[Site]
) -> Matching:
    """The matching that a pass over these sites and stages has measured."""
    if not sums.images:
        raise UsageError(_NO_IMAGES)
    weights = [carrier.weight for carrier in carriers_of(classifier.module, sites)]
    best = best_sources(sums, weights)
    own = [moments.cpu() for moments in unit_moments(sums)]
    places = places_of(sums.target_shapes)
    targets = [sums.targets[place.size].at(place.columns).cpu() for place in places]
    channels = [len(moments.mean) for moments in targets]
    parts = zip(torch.split(best.index, channels), torch.split(best.score, channels), strict=True)
    return Matching(
        sources=SourceUnits.listed(sites, own),
        stages=tuple(
            StageMatch(site, index, score, moments.mean, moments.std)
            for site, (index, score), moments in zip(stages, parts, targets, strict=True)
        ),
        images=sums.images,
    )


def identity_matching(
    encoder: DualEncoder, batches: Iterable[AnyPixels], *, stages: Sequence[Site] | None = None
) -> Matching:
    """A control: each unit of the encoder matched with itself, so that a graft changes nothing."""
    sites = encoder.stages() if stages is None else tuple(stages)
    stacks = MapStacks(encoder, sites, images=IMAGES_AT_ONCE)
    totals: dict[Size, Totals] = {}
    held: HeldMaps | None = None
    images = 0
    for pixels in (few for batch in batches for few in torch.split(batch, IMAGES_AT_ONCE)):
        held = stacks.hold(pixels)
        images += len(held)
        add_totals(totals, held.totals)
    if held is None:
        raise UsageError(_NO_IMAGES)
    moments = {size: total.moments(held.pilots[size]) for size, total in totals.items()}
    found = [moments[place.size].at(place.columns).cpu() for place in places_of(held.shapes)]
    return _identity(sites, found, images=images)


def _identity(sites: tuple[Site, ...], own: Sequence[Moments], *, images: int) -> Matching:
    channels = [len(moments.mean) for moments in own]
    indices = torch.split(torch.arange(sum(channels)), channels)
    stages = tuple(
        StageMatch(
            site,
            index,
            (moments.std / (moments.std + EPSILON)).square(),
            moments.mean,
            moments.std,
        )
        for site, index, moments in zip(sites, indices, own, strict=True)
    )
    return Matching(SourceUnits.listed(sites, own), stages, images)
