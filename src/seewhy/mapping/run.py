"""Maps of all images of a source: what is there is kept, what is missing is made."""

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seewhy.base.errors import UsageError
from seewhy.base.versions import library_versions
from seewhy.data.records import Failure
from seewhy.data.sources import ImageSource
from seewhy.mapping.asking import Question
from seewhy.mapping.document import DOCUMENT, MapsDocument
from seewhy.mapping.entries import SEALS, ImageEntry
from seewhy.mapping.images import Writer
from seewhy.mapping.page import write_page
from seewhy.mapping.settings import MapSettings
from seewhy.mapping.tables import SCHEMA, map_tables
from seewhy.passes.image_folders import ImageFolders, Taken, refuse_failures
from seewhy.passes.store import Store
from seewhy.results.files import output_folder, output_path, write_json
from seewhy.results.seals import entry_folder, remove_temporary
from seewhy.results.tables import write_failures

TEXTS_FOLDER = "texts"
"""Where embeddings of texts are kept between runs, below the output."""


@dataclass(frozen=True)
class MapsResult:
    """A finished run: how many images were made now, how many were there already."""

    document: MapsDocument
    report: Path
    made: int
    kept: int
    failures: tuple[Failure, ...]

    def check(self, *, max_failures: float) -> None:
        """Raise `DataError` when more than this share of the images could not be used, or all."""
        refuse_failures(self.failures, used=self.made + self.kept, most=max_failures)


def map_images(
    question: Question, source: ImageSource, output: Path, settings: MapSettings
) -> MapsResult:
    """Write the maps of all images, tables, a document and `report.html` into a folder.

    What lies there already is kept if the same encoder was asked the same about the same image,
    and made anew otherwise; so a run that was killed goes on. Other files are left alone. Raises
    `UsageError` when another run uses the folder.
    """
    if settings.look == "published" and settings.scaling != "min-max":
        raise UsageError("the published look is for maps from 0 to 1: ask for scaling 'min-max'.")
    output = output_folder(output)
    made, failures = 0, [*source.failures]
    shown: list[str] = []
    with Store(output / TEXTS_FOLDER).in_use():
        remove_temporary(output)
        with ExitStack() as stack:
            tables = stack.enter_context(map_tables(output))
            for outcome in _folders(question, settings, output).outcomes(
                source.records,
                batch_size=settings.batch_size,
                name="map",
                progress=settings.progress,
            ):
                if isinstance(outcome.found, Failure):
                    failures.append(outcome.found)
                    continue
                made += outcome.is_new
                shown.append(outcome.found.image)
                folder = entry_folder(output, outcome.found.image).relative_to(output).as_posix()
                tables.add(row.model_dump() | {"folder": folder} for row in outcome.found.rows)
        write_failures(output, failures, schema=SCHEMA)
        document = _document(question, source, settings, (len(shown), len(failures)))
        report = write_page(document, output, shown, failures=failures)
        write_json(output_path(output, DOCUMENT), document.model_dump(mode="json"))
    return MapsResult(document, report, made, len(shown) - made, tuple(failures))


def _folders(question: Question, settings: MapSettings, output: Path) -> ImageFolders[ImageEntry]:
    drawn = [settings.look, settings.figures, settings.arrays, settings.frame]
    digest = hashlib.sha256(f"{question.digest()} {drawn}".encode()).hexdigest()
    return ImageFolders(
        output, SEALS, digest, partial(_written, Writer(question, settings, output))
    )


def _written(writer: Writer, taken: Sequence[Taken]) -> list[ImageEntry]:
    question = writer.question
    answers = [
        method.explain(
            question.encoder,
            [each.image for each in taken],
            question.texts,
            others=question.others,
            prompts=question.prompts,
        )
        for method in question.methods
    ]
    return [
        writer.write(each, explanations)
        for each, *explanations in zip(taken, *answers, strict=True)
    ]


def _document(
    question: Question, source: ImageSource, settings: MapSettings, counts: tuple[int, int]
) -> MapsDocument:
    used, failed = counts
    return MapsDocument(
        source=source.name,
        encoder=question.encoder.name,
        texts=list(question.texts),
        others=list(question.others),
        templates=list(question.prompts.templates),
        methods=[method.name for method in question.methods],
        size=question.size,
        images={"used": used, "failed": failed},
        notes=[*question.notes, *source.notes],
        settings=settings.recorded(),
        versions=library_versions(),
        question=question.digest(),
    )
