"""Finding what is camouflaged by a word for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image

from seewhy.base.errors import DataError, InternalError
from seewhy.data.segmentation.records import LabelMap
from seewhy.evaluation.camouflage import (
    e_measure,
    mean_absolute_error,
    s_measure,
    stretched,
    weighted_f_measure,
)
from seewhy.evaluation.tasks.job import Sample, Task, Truth
from seewhy.evaluation.tasks.pointed import both_ways, pointed_mask, pointed_sample, pointing_facts
from seewhy.evaluation.tasks.rows import Measured
from seewhy.evaluation.tasks.viewer import Viewer
from seewhy.methods.text_maps.points import DEFAULT, Pointing
from seewhy.models.protocols import PointSegmenter

MEASURES = ("S-measure", "weighted F", "mean E-measure", "max E-measure", "MAE")

_OBJECT = 1


@final
@dataclass(frozen=True, eq=False)
class CamouflageTask(Task):
    """The map of one prompt as a grey picture, and the segmenter's mask for its points, if any."""

    viewer: Viewer
    prompt: str
    segmenter: PointSegmenter | None = None
    pointing: Pointing = DEFAULT

    @property
    def variants(self) -> tuple[str, ...]:
        """The methods, each in both ways."""
        return both_ways(self.viewer, self.segmenter)

    def facts(self) -> dict[str, Any]:
        """Encoder, methods, prompt, segmenter and how points are chosen."""
        own = pointing_facts(self.viewer, self.segmenter, pointing=self.pointing)
        return own | {"prompt": self.prompt}

    def prepare(self, image: Image.Image, truth: Truth) -> Sample:
        """The whole image, and its pixels for the segmenter."""
        return pointed_sample(self.viewer, self.segmenter, image=image, truth=truth)

    def measure(self, samples: Sequence[Sample]) -> list[Measured]:
        """A row for each variant."""
        return [_measured([*self._predictions(each)], each.truth) for each in samples]

    def _predictions(self, sample: Sample) -> Iterator[Float[np.ndarray, "_ _"]]:
        if self.segmenter is not None and sample.image is not None:
            self.segmenter.set_image(sample.image)
        for method in self.viewer.methods:
            asked = self.viewer.ask(method, [self.prompt])
            found = self.viewer.maps(method, sample.tiles.pixels, asked).maps[0, 0]
            yield stretched(self.viewer.over_image(found, sample.size).numpy())
            if self.segmenter is not None:
                mask, _ = pointed_mask(self.segmenter, found, sample.size, pointing=self.pointing)
                yield mask.astype(np.float64)


def measures(
    prediction: Float[np.ndarray, "_ _"], mask: Bool[np.ndarray, "_ _"]
) -> tuple[float, ...]:
    """The figures in the order of `MEASURES`."""
    aligned = e_measure(prediction, mask)
    return (
        s_measure(prediction, mask),
        weighted_f_measure(prediction, mask),
        aligned.mean,
        aligned.maximum,
        mean_absolute_error(prediction, mask),
    )


def _measured(predictions: Sequence[Float[np.ndarray, "_ _"]], truth: Truth) -> Measured:
    if not isinstance(truth, LabelMap):
        raise InternalError("camouflaged objects come with label maps.")
    mask = truth.mask(_OBJECT)
    if mask.size == 1:
        raise DataError("bad_mask", "a mask of one pixel has no structure to compare.")
    table = np.array([measures(prediction, mask) for prediction in predictions])
    figures = dict(zip(MEASURES, table.T, strict=True))
    return Measured({"method": np.arange(len(table)), **figures}, {})
