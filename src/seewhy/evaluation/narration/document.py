"""What an evaluation of narrations says: the schema of its summary, and how it comes about."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from seewhy.base.versions import library_versions
from seewhy.evaluation.captions.files import paired, read_results
from seewhy.evaluation.captions.scores import CaptionScores
from seewhy.evaluation.captions.summary import (
    PER_CENT,
    BertScorer,
    Evaluation,
    ItemCounts,
    Settings,
    TextFile,
    described,
    figures,
    item_counts,
    item_rows,
    notes,
    official_scores,
    score_figures,
)
from seewhy.evaluation.narration.answers import Truth, reference_answers
from seewhy.evaluation.narration.files import read_answer_f1, read_truths
from seewhy.evaluation.narration.parsing import Parsing, parse_narration
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


def evaluate_narrations(
    results: Path,
    references: Path,
    *,
    parsing: Parsing = "first",
    answer_f1: Path | None = None,
    settings: Settings | None = None,
) -> Evaluation[NarrationDocument]:
    """Score a file of sentences "answer because reason" by every rule that the truths allow.

    Raises `UsageError` for files that are unlike what they should be, or share no id.
    """
    settings = settings or Settings()
    truths = read_truths(references)
    found = paired(read_results(results), truths)
    similar, bert = _bert_f1(found.texts, truths, parsing, settings)
    similar = similar if answer_f1 is None else read_answer_f1(answer_f1)
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
        unfiltered=_group(scores.unfiltered, settings, bert),
        filtered={rule: _group(each, settings, bert) for rule, each in scores.filtered.items()},
        distinct_reasons=Figure(value=share),
        settings=settings,
        versions=library_versions(),
        notes=notes(found) + _unjudged(scores),
    )
    return Evaluation[NarrationDocument](document, _rows(scores, found.texts))


def _bert_f1(
    texts: Mapping[str, str], truths: Mapping[str, Truth], parsing: Parsing, settings: Settings
) -> tuple[dict[str, float] | None, dict[str, float] | None]:
    """BERTScores of answers, where the truths tell any, and of reasons; None without an encoder."""
    if settings.bertscore is None:
        return None, None
    scorer = BertScorer(settings)
    told = {name: parse_narration(text, parsing) for name, text in texts.items()}
    known = {name: reference_answers(truths[name]) for name in texts}
    answers = {name: each.answer for name, each in told.items()}
    reasons = {name: each.reason for name, each in told.items()}
    return (
        scorer.each(answers, known) if all(known.values()) else None,
        scorer.each(reasons, {name: truths[name].reasons for name in texts}),
    )


def _group(scores: CaptionScores, settings: Settings, bert: Mapping[str, float] | None) -> Group:
    official = official_scores(scores, settings) if len(scores.items) else {}
    return Group(
        items=len(scores.items), scores=score_figures(scores, official, settings, bert=bert)
    )


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
