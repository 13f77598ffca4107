"""What evaluations of texts have in common: settings, files, figures, rows, and where they go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from seewhy.evaluation.captions.bertscore import bert_f1
from seewhy.evaluation.captions.files import Paired
from seewhy.evaluation.captions.official import OfficialName, OfficialScore, official_score
from seewhy.evaluation.captions.scores import RESAMPLES, CaptionScores
from seewhy.evaluation.tasks.document import SUMMARY, Figure, Record
from seewhy.evaluation.weighted import Interval, RowMeans, intervals
from seewhy.models.text_folder import load_text_folder
from seewhy.results.files import file_sha256, output_folder, write_csv, write_json

ITEMS = "items.csv"
BERT = "BERTScore"
PER_CENT = 100

Document = TypeVar("Document", bound=Record)


class Settings(Record):
    """How figures were made, beside the files.

    `bertscore` is the folder of a text encoder of transformers, and `block` the one of its blocks
    that is compared, None for the published one; without a folder there is no BERTScore.
    """

    resamples: int = RESAMPLES
    seed: int = 0
    official: tuple[OfficialName, ...] = ()
    bertscore: str | None = None
    block: int | None = None
    device: str = "cpu"


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


@dataclass(frozen=True, eq=False)
class Evaluation(Generic[Document]):
    """The document of an evaluation, and a row for each of its items."""

    document: Document
    rows: Sequence[Mapping[str, object]]

    def save(self, folder: str | Path) -> Path:
        """Write the rows and, last, the summary; each file is whole or absent. Returns its path."""
        home = output_folder(folder)
        write_csv(home / ITEMS, list(self.rows))
        return write_json(home / SUMMARY, self.document.model_dump(mode="json"))


def official_scores(scores: CaptionScores, settings: Settings) -> dict[str, OfficialScore]:
    """Those that the settings ask for."""
    return {name: official_score(scores.items, name) for name in settings.official}


class BertScorer:
    """BERTScore F1 by the encoder that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self.encoder = load_text_folder(settings.bertscore or "", device=settings.device)
        self.settings = settings

    def each(
        self, texts: Mapping[str, str], references: Mapping[str, Sequence[str]]
    ) -> dict[str, float]:
        """That of each text with the best of its references."""
        known = [references[name] for name in texts]
        found = bert_f1(self.encoder, list(texts.values()), known, block=self.settings.block)
        return dict(zip(texts, map(float, found), strict=True))


def score_figures(
    scores: CaptionScores,
    official: Mapping[str, OfficialScore],
    settings: Settings,
    *,
    bert: Mapping[str, float] | None = None,
) -> dict[str, Figure]:
    """Figures with intervals, `bert` those of BERTScore by id; official programs give none."""
    found = scores.intervals(resamples=settings.resamples, seed=settings.seed)
    if bert is not None and len(scores.items):
        values = {BERT: np.array([bert[str(name)] for name in scores.items.ids])}
        means = RowMeans(np.arange(len(scores.items)), values)
        found |= intervals(
            means, len(scores.items), resamples=settings.resamples, seed=settings.seed
        )
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


def _known(value: float) -> float | None:
    return None if isnan(value) else PER_CENT * value
