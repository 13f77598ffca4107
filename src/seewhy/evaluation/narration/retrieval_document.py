"""What the retrieval attack says: the schema of its summary, and how it comes about."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from seewhy.base.versions import library_versions
from seewhy.evaluation.captions.scores import RESAMPLES
from seewhy.evaluation.captions.summary import Evaluation, TextFile, described, figures
from seewhy.evaluation.narration.retrieval import CUTS, Sameness, distinct_inputs, reason_sameness
from seewhy.evaluation.narration.retrieval_files import read_reasons, read_retrieved
from seewhy.evaluation.narration.sentences import (
    HASHED_NAME,
    Sentences,
    folder_sentences,
    hashed_sentences,
)
from seewhy.evaluation.tasks.document import Figure, Record
from seewhy.evaluation.weighted import RowMeans, intervals
from seewhy.models.text_folder import load_text_folder

_QUERIES_AT_ONCE = 64


class RetrievalSettings(Record):
    """`sentences` is the folder of a text encoder of transformers, None for hashed words."""

    sentences: str | None = None
    cuts: tuple[int, ...] = CUTS
    device: str = "cpu"
    resamples: int = RESAMPLES
    seed: int = 0


class RetrievalDocument(Record):
    """The whole of it; figures are 100 times the similarity, lower is more specific.

    `distinct` are the mean numbers of different inputs and of different reasons among the first
    of a query, as many as the highest cut says.
    """

    schema_version: Literal["seewhy.retrieval-attack/1"] = "seewhy.retrieval-attack/1"
    files: dict[str, TextFile]
    queries: int
    encoder: str
    figures: dict[str, Figure]
    distinct: dict[str, float]
    settings: RetrievalSettings
    versions: dict[str, str]
    notes: list[str]


def evaluate_retrieval_attack(
    retrieved: Path, reasons: Path, *, settings: RetrievalSettings | None = None
) -> Evaluation[RetrievalDocument]:
    """How alike the reasons for similar inputs are.

    Raises `UsageError` for files that are unlike what they should be, or lack a reason.
    """
    settings = settings or RetrievalSettings()
    most = max(settings.cuts, default=0)
    nearest = {query: each[:most] for query, each in read_retrieved(retrieved, least=most).items()}
    told = read_reasons(reasons, nearest)
    name, sentences = _sentences(settings)
    sameness = sameness_of(list(told.values()), sentences, cuts=settings.cuts)
    columns = {
        f"similarity at {cut}": values
        for cut, values in zip(sameness.cuts, sameness.per_query, strict=True)
    }
    means = RowMeans(np.arange(len(nearest)), columns)
    found = intervals(means, len(nearest), resamples=settings.resamples, seed=settings.seed)
    different = {
        "inputs": distinct_inputs(list(nearest.values())),
        "reasons": distinct_inputs(list(told.values())),
    }
    document = RetrievalDocument(
        files=described(retrieved=retrieved, reasons=reasons),
        queries=len(nearest),
        encoder=name,
        figures=figures(found),
        distinct={what: float(np.mean(counts)) for what, counts in different.items()},
        settings=settings,
        versions=library_versions(),
        notes=_notes(settings),
    )
    return Evaluation(document, _rows(list(nearest), columns, different))


def sameness_of(
    reasons: Sequence[Sequence[str]], sentences: Sentences, *, cuts: Sequence[int] = CUTS
) -> Sameness:
    """The sameness of the reasons of each query, as many for each; some queries at a time."""
    found = []
    for first in range(0, len(reasons), _QUERIES_AT_ONCE):
        group = reasons[first : first + _QUERIES_AT_ONCE]
        every = list(dict.fromkeys(text for each in group for text in each))
        vectors = sentences(every)
        places = {text: place for place, text in enumerate(every)}
        at = np.array([[places[text] for text in each] for each in group])
        found.append(reason_sameness(vectors[at], cuts=cuts).per_query)
    return Sameness(tuple(cuts), np.concatenate(found, axis=1))


def _sentences(settings: RetrievalSettings) -> tuple[str, Sentences]:
    if settings.sentences is None:
        return HASHED_NAME, hashed_sentences
    encoder = load_text_folder(settings.sentences, device=settings.device)
    return encoder.name, folder_sentences(encoder)


def _rows(
    queries: Sequence[str],
    columns: Mapping[str, np.ndarray],
    different: Mapping[str, Sequence[int]],
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for place, query in enumerate(queries):
        similar = {name: float(values[place]) for name, values in columns.items()}
        counts = {f"distinct {what}": each[place] for what, each in different.items()}
        rows.append({"query": query, **similar, **counts})
    return rows


def _notes(settings: RetrievalSettings) -> list[str]:
    told = [
        "It is a similarity: lower is more specific. Noise has the lowest, so read it beside the "
        "scores of the reasons.",
        "Inputs that come twice among the nearest of a query raise it: see distinct inputs.",
    ]
    if settings.sentences is None:
        told.append(
            "Sentences are compared by their words, a stand-in for a sentence encoder: do not set "
            "these figures beside published ones."
        )
    return told
