"""What an evaluation says: the schema of `summary.json` (strict JSON, versioned)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from seewhy.base.errors import DataError, UsageError
from seewhy.data.records import Failure
from seewhy.evaluation.segmentation import Confusion
from seewhy.evaluation.tasks.readings import Reading
from seewhy.evaluation.tasks.rows import SCHEMA as ROWS_SCHEMA
from seewhy.evaluation.tasks.rows import Rows, write_rows
from seewhy.evaluation.tasks.settings import TaskName
from seewhy.evaluation.weighted import Interval, intervals
from seewhy.results.files import output_folder, safe_slug, write_csv, write_json, write_table

SUMMARY, ROWS, FAILURES = "summary.json", "rows.parquet", "failures.parquet"


class Record(BaseModel):
    """Base of all rows: immutable, no unknown fields, no NaN in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Figure(Record):
    """A figure with its 95 % bootstrap interval over images; None where it is not defined."""

    value: float | None
    low: float | None = None
    high: float | None = None


class ClassRow(Record):
    """The figures of one class, and how many images (or pairs) bear it."""

    name: str
    images: int
    figures: dict[str, float | None]


class MethodSummary(Record):
    """The figures of one method; maps were cut at `threshold`, where they were."""

    name: str
    figures: dict[str, Figure]
    threshold: float | None
    classes: list[ClassRow]


class DatasetFacts(Record):
    """Which data set, with which classes; `fingerprint` is that of the ids that were used."""

    name: str
    title: str
    class_names: list[str]
    fingerprint: str
    notes: list[str]


class ImageCounts(Record):
    """How many images there were; `without_labels` of those used, None where it is not asked.

    Images that are `dropped` bear no label, and the settings leave them out.
    """

    offered: int
    used: int
    failed: int
    dropped: int
    without_labels: int | None


class EvaluationDocument(Record):
    """The whole of it. Figures are per cent, or for unit "share" 0 to 1."""

    schema_version: Literal["seewhy.evaluation/1"] = "seewhy.evaluation/1"
    task: TaskName
    dataset: DatasetFacts
    encoder: str
    unit: Literal["percent", "share"]
    images: ImageCounts
    failures: dict[str, int]
    methods: list[MethodSummary]
    settings: dict[str, Any]
    hashes: dict[str, str]
    versions: dict[str, str]
    notes: list[str]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """An evaluation: the document, the rows behind it, and what could not be used.

    `confusions` are those of segmentation, by method: rows are true classes, columns predicted.
    """

    document: EvaluationDocument
    rows: Rows
    failures: Sequence[Failure]
    confusions: Mapping[str, Confusion]

    def check(self, *, max_failures: float) -> None:
        """Raise `DataError` when more than this share of the images could not be used."""
        counts = self.document.images
        if counts.failed <= max_failures * counts.offered:
            return
        codes = ", ".join(sorted(self.document.failures))
        raise DataError(
            "too_many_failures",
            f"{counts.failed} of {counts.offered} images could not be used ({codes}), more than "
            f"{max_failures:.1%}; {FAILURES} names each. Mend them or raise --max-failures.",
        )

    def save(self, folder: str | Path) -> Path:
        """Write rows, failures, confusions and, last, the summary; returns the summary's path.

        Each file is whole or absent.
        """
        home = output_folder(folder)
        methods = [method.name for method in self.document.methods]
        names = self.document.dataset.class_names
        write_rows(home / ROWS, self.rows, {"method": methods, "label": names})
        write_table(home / FAILURES, _failure_table(self.failures), schema=ROWS_SCHEMA)
        for method, confusion in self.confusions.items():
            path = home / f"confusion-{safe_slug(method)}.csv"
            write_csv(path, _confusion_rows(confusion, names))
        return write_json(home / SUMMARY, self.document.model_dump(mode="json"))


def read_document(folder: Path) -> EvaluationDocument:
    """The summary in a folder; raises `UsageError` where there is none that can be read."""
    path = folder / SUMMARY if folder.is_dir() else folder
    try:
        return EvaluationDocument.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(
            f"{path} is no summary of an evaluation ({type(error).__name__}). Name the output "
            "folder of `seewhy evaluate`."
        ) from error


def method_summary(
    name: str,
    reading: Reading,
    class_names: Sequence[str],
    *,
    images: int,
    resamples: int,
    seed: int,
) -> MethodSummary:
    """The figures of a method, with intervals, and those of each class that occurs."""
    found = intervals(reading.statistic, images, resamples=resamples, seed=seed)
    by_class = reading.statistic.by_class(np.ones(images, dtype=np.int64))
    return MethodSummary(
        name=name,
        figures={each: _figure(interval, reading.scale) for each, interval in found.items()},
        threshold=reading.threshold,
        classes=[
            ClassRow(
                name=class_names[label],
                images=int(count),
                figures={
                    each: _known(float(values[label]) * reading.scale)
                    for each, values in by_class.items()
                },
            )
            for label, count in enumerate(reading.bearers)
            if count
        ],
    )


def failure_counts(failures: Sequence[Failure]) -> dict[str, int]:
    """How many failures have each code."""
    return dict(sorted(Counter(failure.code for failure in failures).items()))


def _figure(interval: Interval, scale: float) -> Figure:
    value, low, high = (
        _known(scale * each) for each in (interval.value, interval.low, interval.high)
    )
    return Figure(value=value, low=low, high=high)


def _known(value: float) -> float | None:
    return None if isnan(value) else value


def _failure_table(failures: Sequence[Failure]) -> Any:
    import pyarrow

    names = ("id", "code", "message")
    columns = {name: [getattr(failure, name) for failure in failures] for name in names}
    return pyarrow.table(
        {name: pyarrow.array(values, pyarrow.string()) for name, values in columns.items()}
    )


def _confusion_rows(confusion: Confusion, names: Sequence[str]) -> list[dict[str, object]]:
    return [
        {"true": true, **dict(zip(names, counts.tolist(), strict=True))}
        for true, counts in zip(names, confusion.counts, strict=True)
    ]
