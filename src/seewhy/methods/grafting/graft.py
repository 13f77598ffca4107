"""The classifier's maps in place of the encoder's own, one stage after another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from seewhy.base.axes import Maps, Pixels, TextEmbeddings
from seewhy.methods.grafting.carriers import site_maps
from seewhy.methods.grafting.matching import PixelPair, micro_batches
from seewhy.methods.grafting.method import DEFAULT, EPSILON, Grafting, Matching, StageMatch
from seewhy.methods.grafting.moments import SiteMaps
from seewhy.methods.grafting.resizing import Size
from seewhy.models.guard import device_of, inference
from seewhy.models.protocols import DualEncoder
from seewhy.models.sites import Site
from seewhy.taps.edit import Rewrite, extend
from seewhy.taps.forward import Network, forward
from seewhy.taps.hooks import OnOutput, on_outputs

Similarities = Float[Tensor, "batch depths texts"]
"""Cosines with each text after the first 0, 1, 2, ... stages have been replaced."""


def gain(
    source_std: Float[Tensor, " channels"],
    target_std: Float[Tensor, " channels"],
    *,
    protocol: Literal["paper", "default"],
) -> Float[Tensor, " channels"]:
    """What a deviation of the source is multiplied by in the target."""
    back = target_std if protocol == "paper" else target_std + EPSILON
    return back / (source_std + EPSILON)


def restandardised(
    maps: Maps,
    *,
    source_mean: Float[Tensor, " channels"],
    gain: Float[Tensor, " channels"],
    target_mean: Float[Tensor, " channels"],
) -> Maps:
    """(maps - source mean) * gain + target mean; a gain of one and equal means are exact."""
    shift = target_mean - source_mean * gain
    gain, shift = (each.to(maps)[:, None, None] for each in (gain, shift))
    return torch.addcmul(shift, maps, gain)


@dataclass(frozen=True)
class _Donors:
    """The channels of one site that stand in for anything, in rising order."""

    site: Site
    channels: Int[Tensor, " donors"]


@dataclass(frozen=True)
class _StageDonors:
    """Per donating site the positions of its donors, and where in the stage each unit comes from.

    `order` indexes the donors of all sites one after another.
    """

    positions: Mapping[str, Int[Tensor, " chosen"]]
    order: Int[Tensor, " targets"]


class Graft:
    """A matching made ready to be carried out on batch after batch.

    Only the maps that stand in for a unit of the encoder are kept of the classifier's pass.
    """

    def __init__(self, matching: Matching, settings: Grafting = DEFAULT) -> None:
        self.matching = matching
        self.settings = settings
        self._donors = _all_donors(matching)
        self._stages = [_stage_donors(matching, stage, self._donors) for stage in matching.stages]

    def donor_maps(self, classifier: Network, pixels: Pixels) -> dict[str, SiteMaps]:
        """The maps of all donors by site, from one forward pass."""
        kept: dict[str, SiteMaps] = {}
        hooks: dict[str, OnOutput] = {
            donors.site.name: partial(_keep_donors, donors, kept) for donors in self._donors
        }
        with inference(classifier.module), on_outputs(classifier.module, hooks):
            forward(classifier, pixels)
        return kept

    def stage_maps(self, number: int, donors: Mapping[str, SiteMaps], *, size: Size) -> Maps:
        """The maps that stand in for a stage: its matched units, resized, with its own moments."""
        stage, own, units = (
            self.matching.stages[number],
            self._stages[number],
            self.matching.sources,
        )
        resized = [
            functional.interpolate(
                donors[site][:, positions.to(donors[site].device)].float(),
                size=size,
                mode=self.settings.resize,
                align_corners=False,
            )
            for site, positions in own.positions.items()
        ]
        maps = torch.cat(resized, dim=1)
        return restandardised(
            maps[:, own.order.to(maps.device)],
            source_mean=units.mean[stage.best],
            gain=gain(units.std[stage.best], stage.std, protocol=self.settings.protocol),
            target_mean=stage.mean,
        )


def _all_donors(matching: Matching) -> list[_Donors]:
    units = matching.sources
    best = torch.unique(torch.cat([stage.best for stage in matching.stages]))
    return [
        _Donors(site, units.channel[best[units.site[best] == number]])
        for number, site in enumerate(units.sites)
        if (units.site[best] == number).any()
    ]


def _stage_donors(
    matching: Matching, stage: StageMatch, all_donors: Sequence[_Donors]
) -> _StageDonors:
    units = matching.sources
    chosen, order = torch.unique(stage.best, return_inverse=True)
    numbers = {site.name: number for number, site in enumerate(units.sites)}
    positions = {}
    for donors in all_donors:
        own = chosen[units.site[chosen] == numbers[donors.site.name]]
        if len(own):
            positions[donors.site.name] = torch.searchsorted(donors.channels, units.channel[own])
    return _StageDonors(positions, order)


def _keep_donors(donors: _Donors, kept: dict[str, SiteMaps], output: Tensor) -> None:
    maps = site_maps(donors.site, output)
    kept[donors.site.name] = maps[:, donors.channels.to(maps.device)]


def grafted_similarities(
    classifier: Network,
    encoder: DualEncoder,
    graft: Graft,
    pixels: PixelPair,
    *,
    text_embeddings: TextEmbeddings,
    plain: Float[Tensor, "batch texts"] | None = None,
) -> Similarities:
    """Cosines of image and texts after the first 0, 1, ..., all stages have been replaced.

    One forward pass of each network: at each stage the grafted examples join the encoder's
    running batch, so that what the depths share is computed once. `plain` are the similarities
    before any graft where they are known: then nothing before the first stage is computed for
    them. Class and register tokens are left alone.
    """
    texts = text_embeddings.detach()
    # Tokens beside the maps come from the image itself, so its own pass is needed.
    is_known = plain is not None and graft.matching.stages[0].site.layout == "maps"
    # Around all passes, as looking after a network takes some milliseconds.
    with inference(classifier.module), inference(encoder.module):
        parts = [
            _read(classifier, encoder, graft, pair, only_grafted=is_known) @ texts.T
            for pair in micro_batches(*pixels, device_of(encoder.module))
        ]
    read = torch.cat(parts)
    if plain is None:
        return read
    return torch.cat([plain.to(read)[:, None], read if is_known else read[:, 1:]], dim=1)


def _read(
    classifier: Network,
    encoder: DualEncoder,
    graft: Graft,
    pixels: PixelPair,
    *,
    only_grafted: bool,
) -> Float[Tensor, "batch depths embed"]:
    source, target = pixels
    donors = graft.donor_maps(classifier, source)
    additions: dict[str, Rewrite] = {
        stage.site.name: partial(
            _grafted,
            site=stage.site,
            images=len(target),
            maps_of=partial(graft.stage_maps, number, donors),
        )
        for number, stage in enumerate(graft.matching.stages)
    }
    # One image has to run for the first stage to be called; its rows are dropped there.
    given, alone = (target[:1], list(additions)[:1]) if only_grafted else (target, ())
    with extend(encoder.module, additions, instead=alone):
        images = encoder.encode_images(given)
    # Depths follow one another, each with all images.
    return images.reshape(-1, len(target), images.shape[1]).transpose(0, 1)


def _grafted(output: Tensor, *, site: Site, images: int, maps_of: Callable[..., Maps]) -> Tensor:
    """The examples with this stage replaced too, from those with the stages before it replaced."""
    before = output[-images:]
    rows, cols = site.to_maps(before).shape[2:]
    return site.with_maps(before, maps_of(size=(rows, cols)).to(output.device))
