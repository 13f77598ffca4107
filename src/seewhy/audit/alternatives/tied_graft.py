"""A graft of the units that the prediction rests on, against one of those that it does not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seewhy.audit.alternatives.subject import Answer, Subject, leading
from seewhy.audit.grafts import right_values
from seewhy.audit.readings import Similarities, concept_features
from seewhy.audit.shares import sampled_rows
from seewhy.base.axes import Pixels
from seewhy.data.concepts import ConceptGroups
from seewhy.data.records import ImageRecord
from seewhy.methods.grafting.graft import Graft, grafted_similarities
from seewhy.methods.grafting.matching import PixelPair, match_units
from seewhy.methods.grafting.method import Grafting, Matching
from seewhy.methods.grafting.reading import CaptionTable
from seewhy.models.guard import device_of, untouched
from seewhy.models.protocols import ClassifierLike
from seewhy.models.sites import Site
from seewhy.taps.capture import capture

MOST_IMAGES = 64
_AT_ONCE = 16
_LEAST_CONTRAST = 0.05
_READ = 1e-4

Against = Literal["nothing", "others"]

PerUnit = Float[Tensor, " _"]
"""A figure for each unit of one of several sites."""


def tied_graft(subject: Subject, *, against: Against) -> Answer:
    """How much of each group's contrast is left when only tied units are grafted.

    A unit is tied when its attribution is above the median of its layer; all others are held at
    their mean. The strength is the right value's contrast after that graft in units of the one
    before any, 0 at least; against "others" less what the same graft with the roles of the units
    exchanged leaves. NaN where the encoder alone reads nothing. The right value is the true one
    where attributes tell it, else what the encoder reads. On at most 64 images.
    """
    pairs = _pixels(subject)
    model = subject.model
    sites = Grafting().sites(model)
    matched = match_units(model, subject.encoder, [pairs.pixels], sites=sites)
    tied = above_median(unit_attributions(model, sites, pairs.pixels[0]))
    path = _path(subject, holding(matched, tied), pairs)
    table = CaptionTable.listed(subject.concepts.as_dict())
    right = right_values(pairs.records, path[:, 0], table).numpy()
    plain = right_contrasts(path[:, 0].numpy(), right, subject.concepts)
    left = right_contrasts(path[:, -1].numpy(), right, subject.concepts)
    if against == "others":
        path = _path(subject, holding(matched, ~tied), pairs)
        of_others = right_contrasts(path[:, -1].numpy(), right, subject.concepts)
        left = {group: value - of_others[group] for group, value in left.items()}
    strength = {
        group: max(left[group], 0.0) / plain[group] if plain[group] > _READ else math.nan
        for group in plain
    }
    return Answer(strength, dominant=leading(strength, least=_LEAST_CONTRAST))


def _path(subject: Subject, matched: Matching, pairs: "_Pairs") -> Float[Tensor, "images depths _"]:
    return grafted_similarities(
        subject.model,
        subject.encoder,
        Graft(matched),
        pairs.pixels,
        text_embeddings=subject.texts,
    )


def right_contrasts(
    similarities: Similarities, right: Int[np.ndarray, "images groups"], concepts: ConceptGroups
) -> dict[str, float]:
    """Per group the mean over images of the right value's similarity less that of all values."""
    contrasts = concept_features(similarities, concepts)
    rows = np.arange(len(right))
    return {
        group: float(values[rows, right[:, number]].mean())
        for number, (group, values) in enumerate(contrasts.items())
    }


@dataclass(frozen=True)
class _Pairs:
    records: tuple[ImageRecord, ...]
    pixels: PixelPair


def _pixels(subject: Subject) -> _Pairs:
    """A sample of the user's images for both networks."""
    records = subject.yours.records
    rows = sampled_rows(len(records), MOST_IMAGES, np.random.default_rng([subject.seed, 0x71ED]))
    chosen = tuple(records[row] for row in rows)
    images = [record.read() for record in chosen]
    source, target = (
        torch.stack([network.preprocess(image) for image in images])
        for network in (subject.model, subject.encoder)
    )
    return _Pairs(chosen, (source, target))


def unit_attributions(
    classifier: ClassifierLike, sites: Sequence[Site], pixels: Pixels
) -> list[PerUnit]:
    """Per site, the mean over images of |sum over positions of gradient x deviation|.

    The gradient is that of the predicted logit less the mean of all logits; deviations are from
    the unit's mean over images and positions, as a graft moves nothing else.
    """
    maps: list[list[Tensor]] = [[] for _ in sites]
    gradients: list[list[Tensor]] = [[] for _ in sites]
    for few in torch.split(pixels, _AT_ONCE):
        found = _maps_and_gradients(classifier, sites, few)
        for number, (own, gradient) in enumerate(found):
            maps[number].append(own)
            gradients[number].append(gradient)
    pairs = zip(maps, gradients, strict=True)
    return [attribution(torch.cat(own), torch.cat(gradient)) for own, gradient in pairs]


def attribution(
    maps: Float[Tensor, "images units rows cols"],
    gradients: Float[Tensor, "images units rows cols"],
) -> Float[Tensor, " units"]:
    """Mean over images of the absolute effect of a unit's deviation from its mean."""
    deviations = maps - maps.mean(dim=(0, 2, 3), keepdim=True)
    return (deviations * gradients).sum(dim=(2, 3)).abs().mean(dim=0)


def _maps_and_gradients(
    classifier: ClassifierLike, sites: Sequence[Site], pixels: Pixels
) -> list[tuple[Tensor, Tensor]]:
    module = classifier.module
    dtype = next(module.parameters()).dtype
    with untouched(module), torch.enable_grad():
        for child in module.modules():
            child.training = False
        given = pixels.to(device_of(module), dtype).requires_grad_()
        with capture(module, [site.name for site in sites]) as tensors:
            logits = module(given)
        score = (logits.amax(dim=1) - logits.mean(dim=1)).sum()
        outputs = [tensors[site.name] for site in sites]
        gradients = torch.autograd.grad(score, outputs)
    return [
        (site.to_maps(output.detach()).float().cpu(), site.to_maps(gradient).float().cpu())
        for site, output, gradient in zip(sites, outputs, gradients, strict=True)
    ]


def above_median(attributions: Sequence[PerUnit]) -> Bool[Tensor, " units"]:
    """Half of the units of each site, those with the larger attributions, site after site."""
    halves = []
    for own in attributions:
        half = torch.zeros(len(own), dtype=torch.bool)
        half[own.argsort(descending=True, stable=True)[: (len(own) + 1) // 2]] = True
        halves.append(half)
    return torch.cat(halves)


def holding(matching: Matching, kept: Bool[Tensor, " units"]) -> Matching:
    """The matching with all source units but the kept ones held at their mean.

    A unit whose deviations are divided by infinity gives what it stands in for its mean.
    """
    still = torch.full_like(matching.sources.std, torch.inf)
    std = torch.where(kept, matching.sources.std, still)
    return replace(matching, sources=replace(matching.sources, std=std))
