"""Two evaluations of one task on the same images: is one better than the other?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from seewhy.base.errors import UsageError
from seewhy.evaluation.tasks.document import ROWS, EvaluationDocument, read_document
from seewhy.evaluation.tasks.readings import Reading, read_figures
from seewhy.evaluation.tasks.rows import Rows, read_rows
from seewhy.evaluation.weighted import resampled


@dataclass(frozen=True)
class Difference:
    """The second figure less the first, with a 95 % interval over images; all in the same unit.

    `first_ahead` is the share of resamples in which the first is higher.
    """

    method: str
    figure: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    first_ahead: float


@dataclass(frozen=True)
class Comparison:
    """All figures that both evaluations have, on the images that both could use."""

    task: str
    unit: str
    images: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, eq=False)
class _Evaluated:
    document: EvaluationDocument
    rows: Rows

    @classmethod
    def read(cls, folder: Path) -> "_Evaluated":
        document = read_document(folder)
        texts = {
            "method": [method.name for method in document.methods],
            "label": document.dataset.class_names,
        }
        return cls(document, read_rows(folder / ROWS, texts))

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(method.name for method in self.document.methods)

    def reading(self, method: str, ids: Sequence[str]) -> Reading:
        own = self.rows.on(ids).of_method(self.methods.index(method))
        classes = len(self.document.dataset.class_names)
        return read_figures(self.document.task, own, classes=classes, variant=method)


def compare_evaluations(
    first: Path, second: Path, *, resamples: int = 1000, seed: int = 0
) -> Comparison:
    """The differences of two output folders; each resample draws the same images for both.

    Methods go by their names; where each evaluation has but one, these are compared. Raises
    `UsageError` for different tasks, data sets or classes, and for what has nothing in common.
    """
    one, other = _Evaluated.read(first), _Evaluated.read(second)
    _check(one.document, other.document)
    ids = [identity for identity in one.rows.ids if identity in set(other.rows.ids)]
    shared = [(method, method) for method in one.methods if method in other.methods]
    if len(one.methods) == len(other.methods) == 1:
        shared = [(one.methods[0], other.methods[0])]
    if not ids or not shared:
        raise UsageError(
            "the two evaluations have no image or no method in common; repeat one as the other."
        )
    found = [
        each
        for names in shared
        for each in _differences(
            (one.reading(names[0], ids), other.reading(names[1], ids)),
            " | ".join(dict.fromkeys(names)),
            images=len(ids),
            resamples=resamples,
            seed=seed,
        )
    ]
    return Comparison(one.document.task, one.document.unit, len(ids), tuple(found))


def _check(first: EvaluationDocument, second: EvaluationDocument) -> None:
    for what, one, other in (
        ("task", first.task, second.task),
        ("data set", first.dataset.name, second.dataset.name),
        ("classes", first.dataset.class_names, second.dataset.class_names),
    ):
        if one != other:
            told = f": {one} and {other}" if isinstance(one, str) else ""
            raise UsageError(f"the two evaluations differ in their {what}{told}.")


def _differences(
    readings: tuple[Reading, Reading], method: str, *, images: int, resamples: int, seed: int
) -> list[Difference]:
    one, other = (reading.statistic for reading in readings)
    scale = readings[0].scale
    first, second = (scale * each(np.ones(images, dtype=np.int64)) for each in (one, other))
    draws = np.array(
        [
            scale * (other(weights) - one(weights))
            for weights in resampled(images, resamples=resamples, seed=seed)
        ]
    )
    return [
        _difference(method, name, (float(first[number]), float(second[number])), draws[:, number])
        for number, name in enumerate(one.names)
    ]


def _difference(
    method: str, figure: str, values: tuple[float, float], draws: Float[np.ndarray, " resamples"]
) -> Difference:
    known = draws[~np.isnan(draws)]
    low, high = np.quantile(known, (0.025, 0.975)) if len(known) else (np.nan, np.nan)
    ahead = float((known < 0).mean()) if len(known) else np.nan
    first, second = values
    return Difference(method, figure, first, second, second - first, float(low), float(high), ahead)
