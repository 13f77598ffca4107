"""Pairs explained: what is there is kept, what is missing is made."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seewhy.base.errors import DataError, UsageError
from seewhy.base.versions import library_versions
from seewhy.data.listing import content_digest
from seewhy.data.records import Failure, ImageRecord
from seewhy.data.sources import ImageSource
from seewhy.passes.image_folders import ImageFolders, refuse_failures
from seewhy.passes.store import Store
from seewhy.report.gallery import THUMBNAIL_SIDE
from seewhy.results.files import output_folder, output_path, write_bytes, write_json
from seewhy.results.overlay import picture, png_bytes
from seewhy.results.seals import entry_folder, remove_temporary
from seewhy.results.tables import write_failures
from seewhy.similarity.asking import PairQuestion
from seewhy.similarity.document import (
    DOCUMENT,
    SCHEMA,
    GallerySummary,
    PairsDocument,
    PairSummary,
    QueryFacts,
)
from seewhy.similarity.entries import SEALS, PairEntry
from seewhy.similarity.neighbours import Ranking, rank_gallery
from seewhy.similarity.page import QUERY, write_page
from seewhy.similarity.pairs import Query, Writer
from seewhy.similarity.settings import PairSettings
from seewhy.similarity.tables import pair_tables, write_ranking

EMBEDDINGS_FOLDER = "embeddings"
"""Where embeddings of images are kept between runs, below the output."""


@dataclass(frozen=True)
class PairsResult:
    """A finished run: how many pairs were made now, how many were there already.

    `usable` is how many images of the gallery, or of the pair, could be used.
    """

    document: PairsDocument
    report: Path
    made: int
    kept: int
    usable: int
    failures: tuple[Failure, ...]

    def check(self, *, max_failures: float) -> None:
        """Raise `DataError` when more than this share of the images could not be used, or all."""
        refuse_failures(self.failures, used=self.usable, most=max_failures)


@dataclass(frozen=True)
class _Chosen:
    """The second images, ranks by their ids where there are ranks, and what is known before."""

    records: tuple[ImageRecord, ...]
    usable: int
    ranks: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    gallery: GallerySummary | None = None


def explain_pair(
    question: PairQuestion,
    images: tuple[ImageRecord, ImageRecord],
    output: Path,
    settings: PairSettings,
) -> PairsResult:
    """Write why two images are alike, as `explain_neighbours` does."""
    query, second = images
    output = output_folder(output)
    with Store(output / EMBEDDINGS_FOLDER).in_use():
        chosen = _Chosen((second,), usable=1)
        return _explained(question, query, chosen, output=output, settings=settings)


def explain_neighbours(
    question: PairQuestion,
    query: ImageRecord,
    gallery: ImageSource,
    *,
    output: Path,
    settings: PairSettings,
) -> PairsResult:
    """Write why a query is like its nearest images of a gallery: maps, tables and `report.html`.

    Embeddings of the gallery are kept by content. What lies in the folder already is kept if the
    same encoder was asked the same about the same two images, and made anew otherwise; so a run
    that was killed goes on. Other files are left alone. Raises `UsageError` when another run uses
    the folder, `DataError` for a query that cannot be used.
    """
    output = output_folder(output)
    store = Store(output / EMBEDDINGS_FOLDER)
    with store.in_use():
        ranking = rank_gallery(question, query, gallery, store=store, settings=settings)
        nearest = ranking.neighbours[: settings.top]
        write_ranking(output, ranking.neighbours)
        chosen = _Chosen(
            tuple(each.record for each in nearest),
            usable=len(ranking.neighbours),
            ranks={each.record.id: each.rank for each in nearest},
            failures=ranking.failures,
            notes=ranking.notes,
            gallery=_summary(gallery, ranking),
        )
        return _explained(question, query, chosen, output=output, settings=settings)


def one_image(source: ImageSource, *, wanted: str) -> ImageRecord:
    """The only image of a source; raises `UsageError` where there are several."""
    if len(source.records) != 1:
        raise UsageError(
            f"{source.name} holds {len(source.records)} images; wanted one as {wanted}. Name an "
            "image file."
        )
    return source.records[0]


def _explained(
    question: PairQuestion,
    record: ImageRecord,
    chosen: _Chosen,
    *,
    output: Path,
    settings: PairSettings,
) -> PairsResult:
    remove_temporary(output)
    query = Query(record.id, record.read())
    write_bytes(output_path(output, QUERY), png_bytes(picture(query.image, THUMBNAIL_SIDE)))
    folders = ImageFolders(
        output,
        SEALS,
        _digest(question, record, settings),
        Writer(question, query, settings, output).write_all,
    )
    made, failures = 0, [*chosen.failures]
    pairs: list[PairSummary] = []
    with pair_tables(output) as tables:
        for outcome in folders.outcomes(
            chosen.records,
            batch_size=settings.batch_size,
            name="pairs",
            progress=settings.progress,
        ):
            if isinstance(outcome.found, Failure):
                failures.append(outcome.found)
                continue
            made += outcome.is_new
            pairs.append(_pair(output, outcome.found, chosen.ranks.get(outcome.found.image)))
            tables.add(outcome.found, pairs[-1].rank)
    write_failures(output, failures, schema=SCHEMA)
    document = _document(
        question, query, chosen, pairs=pairs, failed=len(failures), settings=settings
    )
    report = write_page(document, output, failures=failures)
    write_json(output_path(output, DOCUMENT), document.model_dump(mode="json"))
    usable = chosen.usable - (len(failures) - len(chosen.failures))
    return PairsResult(document, report, made, len(pairs) - made, usable, tuple(failures))


def _document(
    question: PairQuestion,
    query: Query,
    chosen: _Chosen,
    *,
    pairs: list[PairSummary],
    failed: int,
    settings: PairSettings,
) -> PairsDocument:
    return PairsDocument(
        encoder=question.encoder.name,
        methods=[method.name for method in question.methods],
        query=QueryFacts(image=query.id, width=query.image.width, height=query.image.height),
        gallery=chosen.gallery,
        pairs=pairs,
        failed=failed,
        notes=[*question.notes, *chosen.notes],
        settings=settings.recorded(),
        versions=library_versions(),
        question=question.digest(),
    )


def _digest(question: PairQuestion, query: ImageRecord, settings: PairSettings) -> str:
    drawn = [settings.region, settings.arrays, settings.frame if settings.arrays else None]
    lines = (question.digest(), query.id, content_digest(query), str(drawn))
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def _pair(output: Path, entry: PairEntry, rank: int | None) -> PairSummary:
    folder = entry_folder(output, entry.image).relative_to(output).as_posix()
    return PairSummary(image=entry.image, rank=rank, similarity=entry.similarity, folder=folder)


def _summary(gallery: ImageSource, ranking: Ranking) -> GallerySummary:
    similarities = [each.similarity for each in ranking.neighbours]
    if not similarities:
        raise _nothing(gallery, ranking.failures)
    return GallerySummary(
        name=gallery.name,
        images=len(similarities),
        lowest=min(similarities),
        median=float(np.median(similarities)),
        highest=max(similarities),
    )


def _nothing(gallery: ImageSource, failures: Sequence[Failure]) -> DataError:
    first = f" The first failure: {failures[0].id!r}, {failures[0].message}" if failures else ""
    return DataError(
        "all_failed",
        f"{gallery.name} holds no usable image beside the query itself.{first} Mend the images, or "
        "name another gallery.",
    )
