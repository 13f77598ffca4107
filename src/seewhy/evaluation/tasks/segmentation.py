"""Semantic segmentation: at each pixel the class whose map is highest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from seewhy.base.errors import InternalError
from seewhy.data.segmentation.records import IGNORED, LabelMap, Tags
from seewhy.evaluation.segmentation import Confusion, predicted_labels
from seewhy.evaluation.tasks.job import Sample, Task, Truth
from seewhy.evaluation.tasks.rows import Measured
from seewhy.evaluation.tasks.settings import Layout
from seewhy.evaluation.tasks.viewer import Viewer, stacked
from seewhy.methods.text_maps.method import Asked

_CONFUSION = "confusion of "


@final
@dataclass(frozen=True, eq=False)
class SegmentationTask(Task):
    """The class prompts' similarities, resized to the truth, then compared at each pixel.

    Only methods whose maps compare one class with another make sense. Layout "sliding" shows the
    image in squares, and takes the mean where they overlap.
    """

    viewer: Viewer
    class_names: tuple[str, ...]
    layout: Layout = "whole"

    @property
    def variants(self) -> tuple[str, ...]:
        """The methods."""
        return tuple(self.viewer.methods)

    def facts(self) -> dict[str, Any]:
        """Encoder, methods, classes and layout."""
        return self.viewer.facts() | {"classes": self.class_names, "layout": self.layout}

    def prepare(self, image: Image.Image, truth: Truth) -> Sample:
        """The image in one or several inputs; overlapping masks become one map of labels."""
        is_whole = self.layout == "whole"
        tiles = self.viewer.tiles(image) if is_whole else self.viewer.sliding_tiles(image)
        return Sample(tiles, _label_map(truth), image.size)

    def measure(self, samples: Sequence[Sample]) -> list[Measured]:
        """A row for each method: pixels by class that are right, true and predicted."""
        counts = [self._counts(samples, method) for method in self.variants]
        return [
            _measured(dict(zip(self.variants, own, strict=True)))
            for own in zip(*counts, strict=True)
        ]

    def _counts(self, samples: Sequence[Sample], method: str) -> list[Confusion]:
        pixels = stacked([sample.tiles for sample in samples])
        maps = self.viewer.maps(method, pixels, self._asked[method]).maps
        counts = [len(sample.tiles.pixels) for sample in samples]
        pairs = zip(samples, torch.split(maps, counts), strict=True)
        return [self._confusion(sample, own) for sample, own in pairs]

    def _confusion(
        self, sample: Sample, maps: Float[Tensor, "windows classes rows cols"]
    ) -> Confusion:
        truth = _label_map(sample.truth).labels
        height, width = truth.shape
        predicted = predicted_labels(sample.tiles.tiling.joined(maps), (height, width))
        empty = Confusion.empty(len(self.class_names))
        return empty.seen(predicted.numpy(), truth, ignore=IGNORED)

    @cached_property
    def _asked(self) -> Mapping[str, Asked]:
        return {method: self.viewer.ask(method, self.class_names) for method in self.variants}


def confusions(sums: Mapping[str, np.ndarray], variants: Sequence[str]) -> dict[str, Confusion]:
    """Of all images, by method; none where no image could be used."""
    return {name: Confusion(sums[_CONFUSION + name]) for name in variants if sums}


def _measured(found: Mapping[str, Confusion]) -> Measured:
    counts = [each.counts for each in found.values()]
    columns = {
        "method": np.arange(len(counts)),
        "right": np.stack([each.diagonal() for each in counts]),
        "true": np.stack([each.sum(axis=1) for each in counts]),
        "predicted": np.stack([each.sum(axis=0) for each in counts]),
    }
    return Measured(columns, {_CONFUSION + name: each.counts for name, each in found.items()})


def _label_map(truth: Truth) -> LabelMap:
    if isinstance(truth, Tags):
        raise InternalError("tags say nothing of where things are.")
    return truth if isinstance(truth, LabelMap) else truth.label_map()
