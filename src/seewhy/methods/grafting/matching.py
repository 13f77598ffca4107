"""Which unit of one network answers to images as a unit of another does."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import DataError, UsageError
from seewhy.methods.grafting.method import EPSILON, Matching, SourceUnits, StageMatch
from seewhy.methods.grafting.moments import Moments, SiteMaps, centred
from seewhy.methods.grafting.sums import MatchingSums, best_sources, per_unit
from seewhy.models.guard import inference
from seewhy.models.protocols import ClassifierLike, DualEncoder
from seewhy.models.sites import Site
from seewhy.taps.capture import capture

Source = ClassifierLike | DualEncoder

AnyPixels = Float[Tensor, "_ 3 _ _"]
"""A batch of images in a sequence of batches that may differ in number and size."""

PixelPair = tuple[AnyPixels, AnyPixels]
"""The same images, preprocessed for the classifier and for the encoder."""

MICRO_BATCH = 32
"""The most images whose maps are held in memory at once."""

_PIXELS_AT_ONCE = 8 * 224 * 224

_NO_IMAGES = (
    "no images to match units on. Give at least one batch, and of at least two images where "
    "images are permuted."
)


def captured_maps(model: Source, sites: Sequence[Site], pixels: Pixels) -> list[SiteMaps]:
    """The maps at the sites, from one forward pass; raises `DataError` when not finite."""
    names = [site.name for site in sites]
    with inference(model.module), capture(model.module, names) as outputs:
        _ = (
            model.logits(pixels)
            if isinstance(model, ClassifierLike)
            else model.encode_images(pixels)
        )
    return [_checked_maps(site, outputs[site.name]) for site in sites]


def _checked_maps(site: Site, output: Tensor) -> SiteMaps:
    if site.layout == "maps" and output.ndim != 4:
        raise UsageError(
            f"site {site.name!r} gave shape {tuple(output.shape)}; expected maps (batch, channels, "
            "rows, cols). Choose a convolution, or describe the token grid of the site."
        )
    maps = site.to_maps(output)
    if not maps.sum(dtype=torch.float32).isfinite():
        raise DataError(
            "non_finite",
            f"the maps at {site.name!r} hold NaN or infinity. Check the weights and the images.",
        )
    return maps.to(_exact_device(maps.device))


def _exact_device(device: torch.device) -> torch.device:
    """Where float64 statistics can be kept: Apple's GPUs have no float64."""
    return torch.device("cpu") if device.type == "mps" else device


def matching_sums(
    classifier: Source,
    encoder: DualEncoder,
    batches: Iterable[PixelPair],
    *,
    sites: Sequence[Site],
    stages: Sequence[Site],
    permute: torch.Generator | None = None,
) -> MatchingSums:
    """The sums of one pass; those of several passes merge, see `match_units`."""
    sums = MatchingSums()
    for source_batch, target_batch in batches:
        images = len(source_batch)
        if permute is not None and images == 1:
            continue
        order = torch.arange(images) if permute is None else _others(images, permute)
        for source, target in micro_batches(source_batch[order], target_batch):
            source_maps = captured_maps(classifier, sites, source)
            sums.add(source_maps, captured_maps(encoder, stages, target))
    return sums


def micro_batches(source: AnyPixels, target: AnyPixels) -> Iterator[PixelPair]:
    """A batch of image pairs, a few pairs at a time."""
    if len(source) != len(target):
        raise UsageError(
            f"a batch pairs {len(source)} images for the classifier with {len(target)} for the "
            "encoder. Preprocess the same images for both."
        )
    size = min(_micro_batch(source), _micro_batch(target))
    yield from zip(torch.split(source, size), torch.split(target, size), strict=True)


def _micro_batch(pixels: AnyPixels) -> int:
    """Maps take memory in proportion to pixels: eight images of 224 x 224, more small ones."""
    area = pixels.shape[2] * pixels.shape[3]
    return max(1, min(MICRO_BATCH, _PIXELS_AT_ONCE // area))


def _others(images: int, generator: torch.Generator) -> Int[Tensor, " images"]:
    """For each image another one: a random cycle through all, so none is paired with itself."""
    cycle = torch.randperm(images, generator=generator, device=generator.device)
    others = torch.empty_like(cycle)
    others[cycle] = cycle.roll(1)
    return others.cpu()


def _all_sites(model: Source) -> tuple[Site, ...]:
    return model.sites() if isinstance(model, ClassifierLike) else model.stages()


def match_units(
    classifier: Source,
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
    if not sites or not stages:
        raise UsageError("no sites to match. Name at least one site and one stage.")
    sums = matching_sums(classifier, encoder, batches, sites=sites, stages=stages, permute=permute)
    return matching_from(sums, sites=sites, stages=stages)


def matching_from(sums: MatchingSums, *, sites: Sequence[Site], stages: Sequence[Site]) -> Matching:
    """The matching that a pass over these sites and stages has measured."""
    if not sums.images:
        raise UsageError(_NO_IMAGES)
    best = best_sources(sums)
    means, stds = per_unit(sums.sources, sums.source_shapes)
    channels = [shape[0] for shape in sums.target_shapes]
    columns = (best.index, best.score, *per_unit(sums.targets, sums.target_shapes))
    parts = zip(*(torch.split(column, channels) for column in columns), strict=True)
    return Matching(
        sources=SourceUnits.listed(
            sites, [shape[0] for shape in sums.source_shapes], mean=means, std=stds
        ),
        stages=tuple(StageMatch(site, *part) for site, part in zip(stages, parts, strict=True)),
        images=sums.images,
    )


def identity_matching(
    encoder: DualEncoder, batches: Iterable[AnyPixels], *, stages: Sequence[Site] | None = None
) -> Matching:
    """A control: each unit of the encoder matched with itself, so that a graft changes nothing."""
    sites = encoder.stages() if stages is None else tuple(stages)
    images = 0
    moments: list[Moments] = []
    for pixels in (piece for batch in batches for piece in torch.split(batch, _micro_batch(batch))):
        maps = captured_maps(encoder, sites, pixels)
        parts = [centred(each.permute(0, 2, 3, 1).float()).moments for each in maps]
        pairs = zip(moments, parts, strict=True)
        moments = [total.merged(part) for total, part in pairs] if moments else parts
        images += len(pixels)
    if not images:
        raise UsageError(_NO_IMAGES)
    return _identity(sites, moments, images=images)


def _identity(sites: tuple[Site, ...], moments: Sequence[Moments], *, images: int) -> Matching:
    means, stds = ([getattr(each, name).cpu() for each in moments] for name in ("mean", "std"))
    channels = [len(mean) for mean in means]
    indices = torch.split(torch.arange(sum(channels)), channels)
    stages = tuple(
        StageMatch(site, index, (std / (std + EPSILON)).square(), mean, std)
        for site, index, mean, std in zip(sites, indices, means, stds, strict=True)
    )
    sources = SourceUnits.listed(sites, channels, mean=torch.cat(means), std=torch.cat(stds))
    return Matching(sources, stages, images)
