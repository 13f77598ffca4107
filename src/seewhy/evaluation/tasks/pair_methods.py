"""Methods of explaining a similarity, judged on pairs that are known to share one object."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from seewhy.base.axes import Pixels
from seewhy.base.errors import UsageError
from seewhy.data.planted_pairs import DrawnPair, PlantedPair
from seewhy.evaluation.maps import compare, pointing_game
from seewhy.evaluation.pairs.curves import Change, Steps, change_curves
from seewhy.evaluation.pairs.explained import ExplainedPairs, PairFigures, explained_pairs
from seewhy.evaluation.pairs.masking import masked_similarity
from seewhy.evaluation.pairs.pointing import pointing_figures
from seewhy.evaluation.tasks.pair_controls import sensitivity_check, wrong_pair_check
from seewhy.evaluation.weighted import Interval, RowMeans, intervals
from seewhy.methods.pairs.method import PairMethod
from seewhy.methods.pairs.variants import quick_embed
from seewhy.models.image_encoders import ImageEncoder

Judged = Literal[
    "pointing", "curves", "published insertion", "masking", "sensitivity", "wrong pair"
]
PerPair = Float[np.ndarray, "_"]
"""A figure of each pair; NaN where it is not defined."""

Figures = dict[str, PerPair]

CHANGES: tuple[Change, ...] = ("insertion", "deletion")
CHEAP: tuple[Judged, ...] = ("pointing", "curves", "masking")


@dataclass(frozen=True)
class Judging:
    """What is measured, on pictures of `side` pixels, `pairs` at a time.

    "published insertion" begins with the published blur. "sensitivity" makes every map eleven
    times, "wrong pair" three times.
    """

    figures: tuple[Judged, ...] = CHEAP
    side: int = 64
    pairs: int = 8
    steps: Steps = field(default_factory=Steps)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class PlantedViews:
    """Pairs as an encoder takes them, and where the shared object is in each view."""

    first: Float[Tensor, "batch 3 height width"]
    second: Float[Tensor, "batch 3 height width"]
    first_masks: Bool[Tensor, "batch height width"]
    second_masks: Bool[Tensor, "batch height width"]


def judge_methods(
    encoder: ImageEncoder,
    methods: Mapping[str, PairMethod],
    pairs: Sequence[PlantedPair],
    *,
    judging: Judging = Judging(),
) -> dict[str, Figures]:
    """Figures of every method for every pair, in the order of the pairs.

    The stranger of a pair is the second view of the next one, the first after the last.
    "similarity" is the cosine of the pair; the others are those of `evaluation.pairs`, conditional
    ones being means over which view changes. The encoder is left as found.
    """
    if not pairs or not methods:
        raise UsageError(f"{len(pairs)} pairs and {len(methods)} methods; wanted some of both.")
    found: dict[str, list[Figures]] = {name: [] for name in methods}
    for start in range(0, len(pairs), judging.pairs):
        stop = min(start + judging.pairs, len(pairs))
        views = planted_views(encoder, pairs[start:stop], side=judging.side)
        others = [pairs[place % len(pairs)] for place in range(start + 1, stop + 1)]
        strangers = planted_views(encoder, others, side=judging.side).second
        for name, method in methods.items():
            found[name].append(_Judge(encoder, method, judging).figures(views, strangers))
    return {name: _joined(each) for name, each in found.items()}


def mean_figures(
    found: Mapping[str, Figures], *, resamples: int = 1000, seed: int = 0
) -> dict[str, dict[str, Interval]]:
    """The mean of each figure over the pairs that have it, with its 95 % bootstrap interval."""
    return {
        name: _intervals(figures, resamples=resamples, seed=seed) for name, figures in found.items()
    }


def defined_pairs(found: Mapping[str, Figures]) -> dict[str, dict[str, int]]:
    """How many pairs each mean is taken over: drops lack pairs that are not alike, say."""
    return {
        name: {figure: int((~np.isnan(values)).sum()) for figure, values in figures.items()}
        for name, figures in found.items()
    }


def leads(
    found: Mapping[str, Figures], over: str, *, resamples: int = 1000, seed: int = 0
) -> dict[str, dict[str, Interval]]:
    """Every other method's figures less those of the method `over`, pair by pair."""
    if over not in found:
        raise UsageError(f"no method {over!r} was judged; there are {', '.join(found)}.")
    differences = {
        name: {figure: values - found[over][figure] for figure, values in figures.items()}
        for name, figures in found.items()
        if name != over
    }
    return mean_figures(differences, resamples=resamples, seed=seed)


def planted_views(
    encoder: ImageEncoder, pairs: Sequence[PlantedPair], *, side: int = 64
) -> PlantedViews:
    """Pairs drawn at `side` pixels and preprocessed; masks go the way of the pixels."""
    drawn = [pair.draw(side) for pair in pairs]
    views = [torch.stack([_pixels(encoder, each, view) for each in drawn]) for view in (0, 1)]
    masks = [torch.stack([_mask(encoder, each, view) for each in drawn]) for view in (0, 1)]
    return PlantedViews(views[0], views[1], masks[0], masks[1])


def _pixels(encoder: ImageEncoder, drawn: DrawnPair, view: int) -> Tensor:
    return encoder.preprocess(drawn.images[view])


def _mask(encoder: ImageEncoder, drawn: DrawnPair, view: int) -> Tensor:
    """Resized and cropped by the preprocessing as a picture that is white on the object."""
    mask = drawn.masks[view]
    grey = np.repeat(mask[:, :, None], 3, axis=2).astype(np.uint8) * 255
    shown, black, white = (
        encoder.preprocess(Image.fromarray(each, mode="RGB"))[0]
        for each in (grey, np.zeros_like(grey), np.full_like(grey, 255))
    )
    return shown > (black + white) / 2


@dataclass(frozen=True)
class _Judge:
    encoder: ImageEncoder
    method: PairMethod
    judging: Judging

    def figures(self, views: PlantedViews, strangers: Pixels) -> Figures:
        maps = self.method.maps(self.encoder, views.first, views.second)
        pairs = explained_pairs(views.first, views.second, maps)
        found: Figures = {"similarity": _array(maps.similarity)}
        measures: Mapping[Judged, Callable[[], Figures]] = {
            "pointing": lambda: _pointing(pairs, views),
            "curves": lambda: self._curves(pairs),
            "published insertion": lambda: self._published_insertion(pairs),
            "masking": lambda: self._masking(pairs),
            "sensitivity": lambda: self._sensitivity(views),
            "wrong pair": lambda: self._wrong_pair(views, strangers),
        }
        for name in self.judging.figures:
            found |= measures[name]()
        return found

    def _curves(self, pairs: ExplainedPairs) -> Figures:
        found: Figures = {}
        with quick_embed(self.encoder) as embed:
            for change in CHANGES:
                curves = change_curves(embed, pairs, change=change, steps=self.judging.steps)
                found |= _both_ways(change, curves.areas)
        return found

    def _published_insertion(self, pairs: ExplainedPairs) -> Figures:
        with quick_embed(self.encoder) as embed:
            steps = self.judging.steps
            found = change_curves(
                embed, pairs, change="insertion", steps=steps, protocol="published"
            )
        return _both_ways("published insertion", found.areas)

    def _masking(self, pairs: ExplainedPairs) -> Figures:
        with quick_embed(self.encoder) as embed:
            found = masked_similarity(embed, pairs, batch=self.judging.steps.batch)
        return _both_ways("drop", found.drop()) | _both_ways("increase", found.increase())

    def _sensitivity(self, views: PlantedViews) -> Figures:
        generator = torch.Generator().manual_seed(self.judging.seed)
        found = sensitivity_check(
            self.method, self.encoder, (views.first, views.second), generator=generator
        )
        return {"max sensitivity": _array(found)}

    def _wrong_pair(self, views: PlantedViews, strangers: Pixels) -> Figures:
        found = wrong_pair_check(
            self.method, self.encoder, (views.first, views.second), strangers=strangers
        )
        pointing = [
            pointing_game(compare(values, mask))
            for values, mask in zip(found.maps.numpy(), views.first_masks.numpy(), strict=True)
        ]
        return {
            "wrong pair, rank correlation": found.agreement.rank_correlation,
            "wrong pair, SSIM": found.agreement.structural_similarity,
            "wrong pair, pointing, first": np.array(pointing),
        }


def _pointing(pairs: ExplainedPairs, views: PlantedViews) -> Figures:
    every = (pairs.first_map, pairs.second_map, views.first_masks, views.second_masks)
    rows = [
        pointing_figures(first, second, masks=(first_mask, second_mask))
        for first, second, first_mask, second_mask in zip(
            *(each.numpy() for each in every), strict=True
        )
    ]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _both_ways(name: str, figures: PairFigures) -> Figures:
    return {
        f"{name}, conditional": _array(figures.conditional),
        f"{name}, simultaneous": _array(figures.both),
    }


def _array(values: Tensor) -> PerPair:
    return values.double().numpy()


def _joined(portions: Sequence[Figures]) -> Figures:
    return {name: np.concatenate([portion[name] for portion in portions]) for name in portions[0]}


def _intervals(figures: Figures, *, resamples: int, seed: int) -> dict[str, Interval]:
    count = len(next(iter(figures.values())))
    return intervals(RowMeans(np.arange(count), figures), count, resamples=resamples, seed=seed)
