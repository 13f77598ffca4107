"""Recognising several labels: how well scores of whole images rank those that bear a label."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from seewhy.evaluation.tasks.job import Sample, Task, Truth
from seewhy.evaluation.tasks.rows import Measured
from seewhy.evaluation.tasks.settings import Scoring
from seewhy.evaluation.tasks.viewer import Viewer, stacked
from seewhy.methods.text_maps.features import class_weights, without_common
from seewhy.methods.text_maps.method import Asked

_SCALE = 100.0
_RAW = "raw"


def label_scores(
    cosines: Float[Tensor, "images classes"], by: Scoring
) -> Float[Tensor, "images classes"]:
    """Scores of labels out of the cosines of whole images and class prompts.

    "feature-surgery": weighted by class and less the mean over classes, as the class token's row
    of CLIP Surgery over a set of labels; "softmax": over classes, of 100 times the cosine.
    """
    if by == "cosine":
        return cosines
    if by == "softmax":
        return torch.softmax(_SCALE * cosines, dim=1)
    return without_common(cosines[:, None], class_weights(cosines))[:, 0]


@final
@dataclass(frozen=True, eq=False)
class TaggingTask(Task):
    """Scores of all classes for each image; the viewer needs no method but "raw"."""

    viewer: Viewer
    class_names: tuple[str, ...]
    scorings: tuple[Scoring, ...]

    @property
    def variants(self) -> tuple[str, ...]:
        """The ways of scoring."""
        return tuple(self.scorings)

    def facts(self) -> dict[str, Any]:
        """Encoder, classes and scores."""
        own = {"classes": self.class_names, "scorings": self.scorings}
        return self.viewer.facts() | own

    def prepare(self, image: Image.Image, truth: Truth) -> Sample:
        """The whole image."""
        return Sample(self.viewer.tiles(image), truth, image.size)

    def measure(self, samples: Sequence[Sample]) -> list[Measured]:
        """A row for each way of scoring: all scores, and which labels the image bears."""
        pixels = stacked([sample.tiles for sample in samples])
        cosines = self.viewer.maps(_RAW, pixels, self._asked).whole
        scores = torch.stack([label_scores(cosines, by) for by in self.scorings], dim=1).numpy()
        return [
            self._measured(sample.truth, own) for sample, own in zip(samples, scores, strict=True)
        ]

    def _measured(self, truth: Truth, scores: Float[np.ndarray, "scorings classes"]) -> Measured:
        tags = np.zeros(len(self.class_names), dtype=bool)
        tags[list(truth.present)] = True
        count = len(self.scorings)
        columns = {"method": np.arange(count), "scores": scores, "tags": np.tile(tags, (count, 1))}
        return Measured(columns, {})

    @cached_property
    def _asked(self) -> Asked:
        return self.viewer.ask(_RAW, self.class_names)
