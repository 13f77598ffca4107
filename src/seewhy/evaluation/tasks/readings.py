"""From the rows of a task to its figures, whether just measured or read from a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from seewhy.evaluation.overlap import Overlap, best_threshold_iou
from seewhy.evaluation.tasks import camouflage, pairs
from seewhy.evaluation.tasks.rows import Rows
from seewhy.evaluation.tasks.settings import TaskName
from seewhy.evaluation.weighted import (
    ClassIou,
    ClassMeans,
    Joined,
    LabelIou,
    Pairs,
    RowMeans,
    Statistic,
    TagPrecision,
)


@dataclass(frozen=True)
class Reading:
    """The figures of one method, how many times the usual share, and how often classes occur.

    `threshold` is what maps were cut at, where they were.
    """

    statistic: Statistic
    scale: float
    bearers: Int[np.ndarray, " classes"]
    threshold: float | None = None


def read_figures(task: TaskName, rows: Rows, *, classes: int, variant: str) -> Reading:
    """How the rows of one method are read; there is at least one."""
    return _READERS[task](rows, classes, variant)


def labelled_only(rows: Rows) -> Rows:
    """The rows of images that bear a tag."""
    with_tags = rows.owner[rows.columns["tags"].any(axis=1)]
    kept = sorted(set(with_tags.tolist()))
    return rows.on([rows.ids[each] for each in kept])


def images_without_labels(task: TaskName, rows: Rows) -> int | None:
    """How many images bear no class; None where the task does not ask."""
    if task == "tagging":
        return len(rows.ids) - len(labelled_only(rows).ids)
    if task in ("maps", "points"):
        return len(rows.ids) - len(set(rows.owner.tolist()))
    return None


def _maps(rows: Rows, classes: int, _variant: str) -> Reading:
    values = {name: rows.columns[name] for name in pairs.MEASURES}
    return _cut(rows, classes, values)


def _points(rows: Rows, classes: int, variant: str) -> Reading:
    found = _cut(rows, classes, {})
    if variant.endswith("map"):
        return found
    return Reading(found.statistic, found.scale, found.bearers)


def _cut(rows: Rows, classes: int, values: Mapping[str, Float[np.ndarray, " _"]]) -> Reading:
    """Maps cut at the one threshold that suits the data set best, beside other values."""
    inside, around = rows.columns["intersections"], rows.columns["unions"]
    labels = rows.columns["label"]
    overlaps = [Overlap(*each) for each in zip(inside, around, strict=True)]
    best = best_threshold_iou(overlaps, labels.tolist())
    at = round(100 * best.threshold)
    grouped = Pairs(rows.owner, labels, classes)
    by_pair = {**values, "IoU": inside[:, at] / around[:, at]}
    statistic = Joined(
        (
            ClassMeans(grouped, values),
            ClassIou(grouped, inside[:, at], around[:, at]),
            RowMeans(rows.owner, {f"{name} by pair": each for name, each in by_pair.items()}),
        )
    )
    return Reading(statistic, 100.0, np.bincount(labels, minlength=classes), best.threshold)


def _segmentation(rows: Rows, _classes: int, _variant: str) -> Reading:
    right, true, predicted = (
        rows.columns[name][np.argsort(rows.owner)] for name in ("right", "true", "predicted")
    )
    return Reading(LabelIou(right, true, predicted), 100.0, (true > 0).sum(axis=0))


def _tagging(rows: Rows, _classes: int, _variant: str) -> Reading:
    order = np.argsort(rows.owner)
    tags = rows.columns["tags"][order]
    return Reading(TagPrecision(rows.columns["scores"][order], tags), 100.0, tags.sum(axis=0))


def _camouflage(rows: Rows, classes: int, _variant: str) -> Reading:
    values = {name: rows.columns[name] for name in camouflage.MEASURES}
    return Reading(RowMeans(rows.owner, values), 1.0, np.zeros(classes, dtype=np.int64))


_READERS: Mapping[TaskName, Callable[[Rows, int, str], Reading]] = {
    "maps": _maps,
    "points": _points,
    "segmentation": _segmentation,
    "tagging": _tagging,
    "camouflage": _camouflage,
}
