"""The benchmark with planted truth, from training to scores."""

import time
from collections.abc import Sequence
from pathlib import Path

from seewhy.audit.alternatives.catalogue import DESCRIPTIONS, READINGS
from seewhy.audit.comparison import DEFAULT_READING, Kind, TaskReport, compare_readings
from seewhy.audit.planted import PlantedCase, train_planted
from seewhy.audit.schema import Record
from seewhy.audit.scoring import (
    HELD_OUT_ATTRIBUTES,
    HELD_OUT_FAMILIES,
    FieldScore,
    Fold,
    Score,
    cases_of,
    cross_validated,
    field_score,
    score,
    split_scores,
)
from seewhy.data.attributes import ATTRIBUTES

CANDIDATES = (DEFAULT_READING, "counterfactuals", "mean-of-rows", "before")
"""Ways to put the audit's rows together, between which cross-validation chooses."""


class ReadingScores(Record):
    """One reading on all cases, on those that choices were made by, and on the held-out ones."""

    reading: str
    description: str
    everything: Score
    chosen_by: Score
    held_out: Score


class ControlScore(Record):
    """The default reading where there is nothing to find."""

    kind: str
    models: int
    decided: float
    right: float | None


class BenchDocument(Record):
    """All that the benchmark with planted truth measured."""

    models: int
    learned: int
    held_out_attributes: list[str]
    held_out_architectures: list[str]
    build_seconds: float
    reading_seconds: float
    readings: list[ReadingScores]
    controls: list[ControlScore]
    by_role: dict[str, Score]
    by_architecture: dict[str, Score]
    by_attribute: dict[str, Score]
    folds: list[Fold]
    field: dict[str, FieldScore]

    def of(self, reading: str) -> ReadingScores:
        """The scores of one reading."""
        return next(each for each in self.readings if each.reading == reading)


def run_planted_bench(
    cases: Sequence[PlantedCase],
    folder: Path,
    *,
    encoder: str,
    processes: int = 1,
    progress: bool = False,
) -> BenchDocument:
    """Train what the folder lacks, ask every reading about every model, and score them.

    Seconds are those of this run: what lay in the folder cost nothing.
    """
    started = time.perf_counter()
    train_planted(cases, folder, processes=processes, progress=progress)
    built = time.perf_counter()
    reports = compare_readings(
        cases, folder, encoder=encoder, processes=processes, progress=progress
    )
    return scored(
        reports, build_seconds=built - started, reading_seconds=time.perf_counter() - built
    )


def scored(
    reports: Sequence[TaskReport], *, build_seconds: float, reading_seconds: float
) -> BenchDocument:
    """Every score of what was said."""
    default = cases_of(reports, DEFAULT_READING)
    return BenchDocument(
        models=sum(len(report.truths) for report in reports),
        learned=len(default),
        held_out_attributes=sorted(HELD_OUT_ATTRIBUTES),
        held_out_architectures=sorted(HELD_OUT_FAMILIES),
        build_seconds=build_seconds,
        reading_seconds=reading_seconds,
        readings=[_reading_scores(reports, name) for name in READINGS],
        controls=[
            _control(reports, "untrained"),
            _control(reports, "shuffled captions"),
            _control(reports, "reason not named"),
        ],
        by_role={
            role: score(DEFAULT_READING, [c for c in default if c.roles[c.relied[0]] == role])
            for role in ("full", "half", "twin")
        },
        by_architecture={
            family: score(DEFAULT_READING, [c for c in default if c.said.family == family])
            for family in sorted({case.said.family for case in default})
        },
        by_attribute={
            attribute: score(
                DEFAULT_READING,
                [case for case in default if attribute in case.relied],
                attributes=[attribute],
            )
            for attribute in ATTRIBUTES
        },
        folds=cross_validated(reports, CANDIDATES, ATTRIBUTES),
        field={
            "everything": field_score(reports),
            "chosen by": field_score(reports, held_out=False),
            "held out": field_score(reports, held_out=True),
        },
    )


def _reading_scores(reports: Sequence[TaskReport], name: str) -> ReadingScores:
    split = split_scores(cases_of(reports, name), name)
    return ReadingScores(
        reading=name,
        description=DESCRIPTIONS[name],
        everything=split.everything,
        chosen_by=split.chosen_by,
        held_out=split.held_out,
    )


def _control(reports: Sequence[TaskReport], kind: Kind) -> ControlScore:
    result = score(DEFAULT_READING, cases_of(reports, DEFAULT_READING, kind=kind))
    return ControlScore(kind=kind, models=result.models, decided=result.decided, right=result.right)
