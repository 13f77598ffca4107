"""What an evaluation of captions says: the schema of its summary, and how it comes about."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from seewhy.base.versions import library_versions
from seewhy.evaluation.captions.files import paired, read_references, read_results
from seewhy.evaluation.captions.items import caption_items
from seewhy.evaluation.captions.scores import CaptionChange, caption_change, score_captions
from seewhy.evaluation.captions.summary import (
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
from seewhy.evaluation.tasks.document import Figure, Record


class ChangeSummary(Record):
    """What editing did: differences of scores, and shares of texts."""

    differences: dict[str, Figure]
    shares: dict[str, Figure]


class CaptionDocument(Record):
    """The whole of it. All figures are 100 times the score, as they are published."""

    schema_version: Literal["seewhy.caption-scores/1"] = "seewhy.caption-scores/1"
    files: dict[str, TextFile]
    items: ItemCounts
    scores: dict[str, Figure]
    change: ChangeSummary | None
    settings: Settings
    versions: dict[str, str]
    notes: list[str]


def evaluate_captions(
    results: Path, references: Path, *, inputs: Path | None = None, settings: Settings | None = None
) -> Evaluation[CaptionDocument]:
    """Score a file of captions, and what changed to the captions that went in, where given.

    Raises `UsageError` for files that are unlike what they should be, or share no id.
    """
    settings = settings or Settings()
    known = read_references(references)
    found = paired(read_results(results), known)
    unedited: tuple[str, ...] = ()
    if inputs:
        before = read_results(inputs)
        with_inputs = paired(found.texts, before)
        unedited = with_inputs.without_reference
        found = replace(found, texts=with_inputs.texts)
    scores = score_captions(caption_items(found.texts, known))
    change = None
    if inputs:
        old = score_captions(caption_items({name: before[name] for name in found.texts}, known))
        change = caption_change(old, scores, resamples=settings.resamples, seed=settings.seed)
    official = official_scores(scores, settings)
    bert = BertScorer(settings).each(found.texts, known) if settings.bertscore else None
    document = CaptionDocument(
        files=described(results=results, references=references, inputs=inputs),
        items=item_counts(found, without_input=unedited),
        scores=score_figures(scores, official, settings, bert=bert),
        change=None if change is None else _summary(change),
        settings=settings,
        versions=library_versions(),
        notes=notes(found),
    )
    return Evaluation[CaptionDocument](document, item_rows(scores, official))


def _summary(change: CaptionChange) -> ChangeSummary:
    return ChangeSummary(differences=figures(change.differences), shares=figures(change.shares))
