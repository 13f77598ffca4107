"""Pairs of image and label: how well maps, and masks made from them, show what is there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from seewhy.base.errors import DataError, InternalError
from seewhy.data.segmentation.records import ClassMasks, LabelMap, Tags
from seewhy.evaluation.maps import (
    MapOnMask,
    compare,
    energy_on_mask,
    pixel_auroc,
    pixel_average_precision,
    pointing_game,
    score_contrast,
)
from seewhy.evaluation.overlap import THRESHOLDS, overlap
from seewhy.evaluation.tasks.job import Sample, Task, Truth
from seewhy.evaluation.tasks.pointed import both_ways, pointed_mask, pointed_sample, pointing_facts
from seewhy.evaluation.tasks.rows import Measured
from seewhy.evaluation.tasks.viewer import Viewer
from seewhy.methods.text_maps.points import DEFAULT, Pointing
from seewhy.models.protocols import PointSegmenter

CONTRAST, POINTING, ENERGY = "mSC", "pointing game", "energy"
PRECISION, AUROC = "pixel AP", "AUROC"
ORACLE = "oracle IoU"
MEASURES = (CONTRAST, POINTING, ENERGY, PRECISION, AUROC, ORACLE)

Cell = int | float | np.ndarray
Columns = Mapping[str, Cell]
_Mask = Bool[np.ndarray, "_ _"]


@dataclass(frozen=True, eq=False)
class _Shown:
    """A label, its map over the patches, and the same over the image on the label's mask."""

    label: int
    patches: Float[Tensor, "rows cols"]
    pair: MapOnMask


@final
@dataclass(frozen=True, eq=False)
class MapsTask(Task):
    """Each method's map of each label that is there, against its mask."""

    viewer: Viewer
    class_names: tuple[str, ...]

    @property
    def variants(self) -> tuple[str, ...]:
        """The methods."""
        return tuple(self.viewer.methods)

    def facts(self) -> dict[str, Any]:
        """Encoder, methods and classes."""
        return self.viewer.facts() | {"classes": self.class_names}

    def prepare(self, image: Image.Image, truth: Truth) -> Sample:
        """The whole image."""
        return Sample(self.viewer.tiles(image), truth, image.size)

    def measure(self, samples: Sequence[Sample]) -> list[Measured]:
        """A row for each method and label."""
        return [_measured(list(self._rows(sample)), _EMPTY_MAPS) for sample in samples]

    def _rows(self, sample: Sample) -> Iterator[Columns]:
        for number, method in enumerate(self.variants):
            for shown in _shown(self.viewer, method, sample, self.class_names):
                yield {"method": number, **_scored(shown), **_figures(shown.pair)}


@final
@dataclass(frozen=True, eq=False)
class PointsTask(Task):
    """Masks from points that a map gives to a segmenter, beside masks straight from the map.

    Without a segmenter only the latter. Variants are called "<method>, map" and "<method>,
    points".
    """

    viewer: Viewer
    class_names: tuple[str, ...]
    segmenter: PointSegmenter | None = None
    pointing: Pointing = DEFAULT

    @property
    def variants(self) -> tuple[str, ...]:
        """The methods, each in both ways."""
        return both_ways(self.viewer, self.segmenter)

    def facts(self) -> dict[str, Any]:
        """Encoder, methods, classes, segmenter and how points are chosen."""
        own = pointing_facts(self.viewer, self.segmenter, pointing=self.pointing)
        return own | {"classes": self.class_names}

    def prepare(self, image: Image.Image, truth: Truth) -> Sample:
        """The whole image, and its pixels for the segmenter."""
        return pointed_sample(self.viewer, self.segmenter, image=image, truth=truth)

    def measure(self, samples: Sequence[Sample]) -> list[Measured]:
        """A row for each variant and label."""
        return [_measured(list(self._rows(sample)), _EMPTY_POINTS) for sample in samples]

    def _rows(self, sample: Sample) -> Iterator[Columns]:
        if self.segmenter is not None and sample.truth.present:
            self.segmenter.set_image(_pixels_of(sample))
        names = {name: number for number, name in enumerate(self.variants)}
        for method in self.viewer.methods:
            for shown in _shown(self.viewer, method, sample, self.class_names):
                yield {"method": names[f"{method}, map"], "points": 0, **_scored(shown)}
                if self.segmenter is not None:
                    mask, points = pointed_mask(
                        self.segmenter, shown.patches, sample.size, pointing=self.pointing
                    )
                    number = names[f"{method}, points"]
                    yield {"method": number, "points": points, **_cut(shown, mask, sample.truth)}


def _patch_maps(
    viewer: Viewer, method: str, sample: Sample, class_names: Sequence[str]
) -> Iterator[tuple[int, Float[Tensor, "rows cols"]]]:
    """Each present label and its map over the patches."""
    present = _spatial(sample.truth).present
    if not present:
        return
    asked = viewer.ask(method, [class_names[label] for label in present])
    found = viewer.maps(method, sample.tiles.pixels, asked)
    yield from zip(present, found.maps[0], strict=True)


def _shown(
    viewer: Viewer, method: str, sample: Sample, class_names: Sequence[str]
) -> Iterator[_Shown]:
    """Each present label with its map on its mask, but for those of which no pixel counts."""
    truth = _spatial(sample.truth)
    counted = truth.counted
    for label, patches in _patch_maps(viewer, method, sample, class_names):
        drawn = viewer.over_image(patches, sample.size).numpy()
        try:
            pair = compare(drawn, truth.mask(label), counted=counted)
        except DataError as error:
            if error.code != "empty_mask":
                raise
            continue
        yield _Shown(label, patches, pair)


def _scored(shown: _Shown) -> dict[str, Cell]:
    counts = overlap(shown.pair)
    return {
        "label": shown.label,
        "intersections": counts.intersections,
        "unions": counts.unions,
    }


def _cut(shown: _Shown, mask: _Mask, truth: Truth) -> dict[str, Cell]:
    """A mask is on its thing whatever the threshold."""
    place = _spatial(truth)
    wanted, taken = place.mask(shown.label) & place.counted, mask & place.counted
    both, either = int((taken & wanted).sum()), int((taken | wanted).sum())
    return {
        "label": shown.label,
        "intersections": np.full(len(THRESHOLDS), both),
        "unions": np.full(len(THRESHOLDS), either),
    }


def _figures(pair: MapOnMask) -> dict[str, float]:
    """What is asked beside the mask is NaN where the mask is everything."""
    is_full = bool(pair.on_mask.all())
    counts = overlap(pair)
    return {
        CONTRAST: np.nan if is_full else score_contrast(pair),
        POINTING: pointing_game(pair),
        ENERGY: energy_on_mask(pair),
        PRECISION: pixel_average_precision(pair),
        AUROC: np.nan if is_full else pixel_auroc(pair),
        ORACLE: float((counts.intersections / counts.unions).max()),
    }


def _spatial(truth: Truth) -> LabelMap | ClassMasks:
    if isinstance(truth, Tags):
        raise InternalError("tags say nothing of where things are.")
    return truth


def _pixels_of(sample: Sample) -> Any:
    if sample.image is None:
        raise InternalError("the sample came without its pixels.")
    return sample.image


_COUNTS = np.zeros((0, len(THRESHOLDS)), dtype=np.int64)
_NUMBERS = np.zeros(0, dtype=np.int64)
_SCORES: Float[np.ndarray, " rows"] = np.zeros(0)
_EMPTY_POINTS: Mapping[str, np.ndarray] = {
    "method": _NUMBERS,
    "label": _NUMBERS,
    "points": _NUMBERS,
    "intersections": _COUNTS,
    "unions": _COUNTS,
}
_EMPTY_MAPS: Mapping[str, np.ndarray] = {
    "method": _NUMBERS,
    "label": _NUMBERS,
    **dict.fromkeys(MEASURES, _SCORES),
    "intersections": _COUNTS,
    "unions": _COUNTS,
}


def _measured(rows: Sequence[Columns], empty: Mapping[str, np.ndarray]) -> Measured:
    if not rows:
        return Measured(empty, {})
    columns = {
        name: np.stack([np.asarray(row[name], dtype=like.dtype) for row in rows])
        for name, like in empty.items()
    }
    return Measured(columns, {})
