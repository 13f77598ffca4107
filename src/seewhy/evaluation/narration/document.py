"""What an evaluation of narrations says: the schema of its summary, and how it comes about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seewhy.base.versions import library_versions
from seewhy.evaluation.captions.document import (
    PER_CENT,
    ItemCounts,
    Settings,
    TextFile,
    described,
    figures,
    item_counts,
    item_rows,
    notes,
    official_scores,
    save_summary,
    score_figures,
)
from seewhy.evaluation.captions.files import paired, read_results
from seewhy.evaluation.captions.scores import CaptionScores
from seewhy.evaluation.narration.files import read_answer_f1, read_truths
from seewhy.evaluation.narration.parsing import Parsing
from seewhy.evaluation.narration.scores import NarrationScores, score_narrations
from seewhy.evaluation.tasks.document import Figure, Record


class Group(Record):
    """The scores of so many reasons."""

    items: int
    scores: dict[str, Figure]


class NarrationDocument(Record):
    """The whole of it. All figures are 100 times the score, as they are published.

    `filtered` holds, by answer rule, the reasons whose answer is right.
    """

    schema_version: Literal["seewhy.narration-scores/1"] = "seewhy.narration-scores/1"
    files: dict[str, TextFile]
    parsing: Parsing
    items: ItemCounts
    accuracies: dict[str, Figure]
    unfiltered: Group
    filtered: dict[str, Group]
    distinct_reasons: Figure
    settings: Settings
    versions: dict[str, str]
    notes: list[str]


@dataclass(frozen=True, eq=False)
class NarrationEvaluation:
    """The document and the scores behind it."""

    document: NarrationDocument
    rows: Sequence[Mapping[str, object]]

    def save(self, folder: str | Path) -> Path:
        """Write the rows of the items and, last, the summary; returns the summary's path."""
        return save_summary(folder, self.document, self.rows)


def evaluate_narrations(
    results: Path,
    references: Path,
    *,
    parsing: Parsing = "first",
    answer_f1: Path | None = None,
    settings: Settings | None = None,
) -> NarrationEvaluation:
    """Score a file of sentences "answer because reason" by every rule that the truths allow.

    Raises `UsageError` for files that are unlike what they should be, or share no id.
    """
    settings = settings or Settings()
    truths = read_truths(references)
    found = paired(read_results(results), truths)
    similar = None if answer_f1 is None else read_answer_f1(answer_f1)
    scores = score_narrations(found.texts, truths, parsing=parsing, answer_f1=similar)
    accuracies = figures(
        scores.accuracy_intervals(resamples=settings.resamples, seed=settings.seed)
    )
    share = PER_CENT * scores.distinct / len(found.texts)
    document = NarrationDocument(
        files=described(results=results, references=references, answer_f1=answer_f1),
        parsing=parsing,
        items=item_counts(found),
        accuracies=accuracies,
        unfiltered=_group(scores.unfiltered, settings),
        filtered={rule: _group(each, settings) for rule, each in scores.filtered.items()},
        distinct_reasons=Figure(value=share),
        settings=settings,
        versions=library_versions(),
        notes=notes(found) + _unjudged(scores),
    )
    return NarrationEvaluation(document, _rows(scores, found.texts))


def _group(scores: CaptionScores, settings: Settings) -> Group:
    official = official_scores(scores, settings) if len(scores.items) else {}
    return Group(items=len(scores.items), scores=score_figures(scores, official, settings))


def _unjudged(scores: NarrationScores) -> list[str]:
    if scores.filtered:
        return []
    return [
        "The references tell no answers, so none is judged and nothing filtered. Give NLX-GPT's "
        "file of answers, or references that are whole sentences."
    ]


def _rows(scores: NarrationScores, texts: Mapping[str, str]) -> list[dict[str, object]]:
    rows = item_rows(scores.unfiltered, {})
    right = scores.right.items()
    return [
        {"id": row["id"], "text": text}
        | {f"right by {rule}": float(values[place]) for rule, values in right}
        | row
        for place, (row, text) in enumerate(zip(rows, texts.values(), strict=True))
    ]
