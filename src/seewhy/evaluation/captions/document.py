"""What an evaluation of captions says: the schema of its summary, and how it comes about."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import Literal

from seewhy.base.versions import library_versions
from seewhy.evaluation.captions.files import Paired, paired, read_references, read_results
from seewhy.evaluation.captions.items import caption_items
from seewhy.evaluation.captions.official import OfficialName, OfficialScore, official_score
from seewhy.evaluation.captions.scores import (
    RESAMPLES,
    CaptionChange,
    CaptionScores,
    caption_change,
    score_captions,
)
from seewhy.evaluation.tasks.document import SUMMARY, Figure, Record
from seewhy.evaluation.weighted import Interval
from seewhy.results.files import file_sha256, output_folder, write_csv, write_json

ITEMS = "items.csv"
PER_CENT = 100


class Settings(Record):
    """How figures were made, beside the files."""

    resamples: int = RESAMPLES
    seed: int = 0
    official: tuple[OfficialName, ...] = ()


class TextFile(Record):
    """A file that came in."""

    name: str
    sha256: str


class ItemCounts(Record):
    """How many were scored, and the ids that were not, by what they lack."""

    scored: int
    without_reference: list[str]
    without_result: list[str]
    without_input: list[str]


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


@dataclass(frozen=True, eq=False)
class CaptionEvaluation:
    """The document and the scores behind it."""

    document: CaptionDocument
    rows: Sequence[Mapping[str, object]]

    def save(self, folder: str | Path) -> Path:
        """Write the rows of the items and, last, the summary; returns the summary's path."""
        return save_summary(folder, self.document, self.rows)


def evaluate_captions(
    results: Path, references: Path, *, inputs: Path | None = None, settings: Settings | None = None
) -> CaptionEvaluation:
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
    document = CaptionDocument(
        files=described(results=results, references=references, inputs=inputs),
        items=item_counts(found, without_input=unedited),
        scores=score_figures(scores, official, settings),
        change=None if change is None else _summary(change),
        settings=settings,
        versions=library_versions(),
        notes=notes(found),
    )
    return CaptionEvaluation(document, item_rows(scores, official))


def official_scores(scores: CaptionScores, settings: Settings) -> dict[str, OfficialScore]:
    """Those that the settings ask for."""
    return {name: official_score(scores.items, name) for name in settings.official}


def score_figures(
    scores: CaptionScores, official: Mapping[str, OfficialScore], settings: Settings
) -> dict[str, Figure]:
    """Figures with intervals; those of official programs have none."""
    found = scores.intervals(resamples=settings.resamples, seed=settings.seed)
    return figures(found) | {
        name: Figure(value=PER_CENT * score.value) for name, score in official.items()
    }


def figures(found: Mapping[str, Interval]) -> dict[str, Figure]:
    """Times 100; None where a figure is not defined."""
    return {
        name: Figure(value=_known(each.value), low=_known(each.low), high=_known(each.high))
        for name, each in found.items()
    }


def described(**paths: Path | None) -> dict[str, TextFile]:
    """Names and contents of the files that were given."""
    return {
        role: TextFile(name=path.name, sha256=file_sha256(path))
        for role, path in paths.items()
        if path is not None
    }


def item_counts(found: Paired, *, without_input: Sequence[str] = ()) -> ItemCounts:
    """How many and which."""
    return ItemCounts(
        scored=len(found.texts),
        without_reference=list(found.without_reference),
        without_result=list(found.without_result),
        without_input=list(without_input),
    )


def notes(found: Paired) -> list[str]:
    """What a reader of the figures has to know."""
    told = [
        "METEOR (exact, stem) knows no synonyms and no paraphrases and is lower than METEOR 1.5: "
        "compare it with itself only."
    ]
    if found.without_result:
        told.append(
            f"{len(found.without_result)} ids with references have no result and are left out, "
            "from the frequencies of CIDEr too; figures are not those of the whole data set."
        )
    return told


def item_rows(
    scores: CaptionScores, official: Mapping[str, OfficialScore]
) -> list[dict[str, object]]:
    """One row per text: its id, its words, and each score of its own, 0 to 1 or CIDEr 0 to 10."""
    each = scores.each | {name: score.each for name, score in official.items()}
    return [
        {"id": name, "words": " ".join(map(str, words))}
        | {figure: float(values[place]) for figure, values in each.items()}
        for place, (name, words) in enumerate(
            zip(scores.items.ids, scores.items.candidates, strict=True)
        )
    ]


def save_summary(
    folder: str | Path, document: Record, rows: Iterable[Mapping[str, object]]
) -> Path:
    """Write both files, each whole or not at all."""
    home = output_folder(folder)
    write_csv(home / ITEMS, list(rows))
    return write_json(home / SUMMARY, document.model_dump(mode="json"))


def _summary(change: CaptionChange) -> ChangeSummary:
    return ChangeSummary(differences=figures(change.differences), shares=figures(change.shares))


def _known(value: float) -> float | None:
    return None if isnan(value) else PER_CENT * value
