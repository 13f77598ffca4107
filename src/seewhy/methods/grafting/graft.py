"""The classifier's maps in place of the encoder's own, one stage after another."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from itertools import islice
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Embeddings, Maps, Pixels, TextEmbeddings
from seewhy.methods.grafting.matching import PixelPair, Source, captured_maps, micro_batches
from seewhy.methods.grafting.method import DEFAULT, EPSILON, Grafting, Matching, StageMatch
from seewhy.methods.grafting.moments import SiteMaps
from seewhy.methods.grafting.resizing import Size
from seewhy.models.guard import inference
from seewhy.models.protocols import DualEncoder
from seewhy.models.sites import Site
from seewhy.taps.edit import edit

Similarities = Float[Tensor, "batch depths texts"]
"""Cosines with each text after the first 0, 1, 2, ... stages have been replaced."""


def restandardised(
    maps: Maps,
    *,
    source_mean: Float[Tensor, " channels"],
    gain: Float[Tensor, " channels"],
    target_mean: Float[Tensor, " channels"],
) -> Maps:
    """(maps - source mean) * gain + target mean, in float64: a gain of one is exact."""
    source_mean, gain, target_mean = (
        each.to(maps.device)[:, None, None] for each in (source_mean, gain, target_mean)
    )
    return ((maps - source_mean) * gain + target_mean).to(maps.dtype)


def gain(
    source_std: Float[Tensor, " channels"],
    target_std: Float[Tensor, " channels"],
    *,
    protocol: Literal["paper", "default"],
) -> Float[Tensor, " channels"]:
    """What a deviation of the source is multiplied by in the target."""
    back = target_std if protocol == "paper" else target_std + EPSILON
    return back / (source_std + EPSILON)


def grafted_maps(
    source_maps: Sequence[SiteMaps],
    matching: Matching,
    stage: StageMatch,
    *,
    size: Size,
    settings: Grafting,
) -> Maps:
    """The maps that stand in for a stage: its matched units, resized, with its own moments.

    `source_maps` holds the maps of each of `matching.sources.sites`.
    """
    units = matching.sources
    site, channel = units.site[stage.best], units.channel[stage.best]
    maps = source_maps[0].new_empty((len(source_maps[0]), len(site), *size), dtype=torch.float32)
    for index in torch.unique(site).tolist():
        places = (site == index).nonzero()[:, 0]
        chosen = source_maps[index][:, channel[places]].float()
        maps[:, places] = functional.interpolate(
            chosen, size=size, mode=settings.resize, align_corners=False
        )
    return restandardised(
        maps,
        source_mean=units.mean[stage.best],
        gain=gain(units.std[stage.best], stage.std, protocol=settings.protocol),
        target_mean=stage.mean,
    )


def grafted_similarities(
    classifier: Source,
    encoder: DualEncoder,
    matching: Matching,
    pixels: PixelPair,
    *,
    text_embeddings: TextEmbeddings,
    settings: Grafting = DEFAULT,
) -> Similarities:
    """Cosines of image and texts after the first 0, 1, ..., all stages have been replaced.

    Class and register tokens are left alone.
    """
    texts = text_embeddings.detach()
    parts = []
    for source, target in micro_batches(*pixels):
        maps = captured_maps(classifier, matching.sources.sites, source)
        depths = _grafted_embeddings(encoder, matching, maps, pixels=target, settings=settings)
        parts.append(torch.stack([images @ texts.T for images in depths], dim=1))
    return torch.cat(parts)


def _grafted_embeddings(
    encoder: DualEncoder,
    matching: Matching,
    source_maps: Sequence[SiteMaps],
    *,
    pixels: Pixels,
    settings: Grafting,
) -> Iterator[Embeddings]:
    """The embeddings of the images at each depth; the maps of a stage are made once."""
    rewrites = {
        stage.site.name: partial(
            _rewritten,
            stage.site,
            cache(partial(grafted_maps, source_maps, matching, stage, settings=settings)),
        )
        for stage in matching.stages
    }
    for depth in range(len(rewrites) + 1):
        replaced = dict(islice(rewrites.items(), depth))
        with inference(encoder.module), edit(encoder.module, replaced):
            embeddings = encoder.encode_images(pixels)
        yield embeddings


def _rewritten(site: Site, maps_of: Callable[..., Maps], output: Tensor) -> Tensor:
    rows, cols = site.to_maps(output).shape[2:]
    return site.with_maps(output, maps_of(size=(rows, cols)).to(output.device))
