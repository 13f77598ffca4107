"""Concepts of all images of a source: what is there is kept, what is missing is made."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from seewhy.base.versions import library_versions
from seewhy.concepts.asking import ConceptQuestion
from seewhy.concepts.document import DOCUMENT, ConceptsDocument, EncoderSummary
from seewhy.concepts.entries import SEALS, ConceptEntry
from seewhy.concepts.figures import Tally, fit_lines
from seewhy.concepts.images import Writer
from seewhy.concepts.page import write_page
from seewhy.concepts.settings import ConceptSettings
from seewhy.concepts.tables import SCHEMA, concept_tables
from seewhy.data.records import Failure
from seewhy.data.sources import ImageSource
from seewhy.passes.image_folders import ImageFolders, refuse_failures
from seewhy.passes.store import Store
from seewhy.results.files import output_folder, output_path, write_json
from seewhy.results.seals import remove_temporary
from seewhy.results.tables import write_failures

TEXTS_FOLDER = "texts"
"""Where embeddings of texts are kept between runs, below the output."""


@dataclass(frozen=True)
class ConceptsResult:
    """A finished run: how many images were made now, how many were there already."""

    document: ConceptsDocument
    report: Path
    made: int
    kept: int
    failures: tuple[Failure, ...]

    def check(self, *, max_failures: float) -> None:
        """Raise `DataError` when more than this share of the images could not be used, or all."""
        refuse_failures(self.failures, used=self.made + self.kept, most=max_failures)


def explain_images(
    question: ConceptQuestion, source: ImageSource, output: Path, settings: ConceptSettings
) -> ConceptsResult:
    """Write the concepts of all images, tables, a document and `report.html` into a folder.

    What lies there already is kept if the same encoders were asked the same about the same image,
    and made anew otherwise; so a run that was killed goes on. Other files are left alone. Raises
    `UsageError` when another run uses the folder.
    """
    output = output_folder(output)
    made, failures, shown = 0, [*source.failures], list[str]()
    tallies = [Tally(reader, settings.seed) for reader in question.readers]
    with Store(output / TEXTS_FOLDER).in_use():
        remove_temporary(output)
        with ExitStack() as stack:
            tables = stack.enter_context(concept_tables(output))
            for outcome in _folders(question, output, settings).outcomes(
                source.records,
                batch_size=settings.batch_size,
                name="concepts",
                progress=settings.progress,
            ):
                if isinstance(outcome.found, Failure):
                    failures.append(outcome.found)
                    continue
                made += outcome.is_new
                shown.append(outcome.found.image)
                tables.add(outcome.found)
                for tally, reading in zip(tallies, outcome.found.readings, strict=True):
                    tally.add(reading)
        write_failures(output, failures, schema=SCHEMA)
        document = _document(
            question,
            source,
            settings,
            encoders=[tally.summary() for tally in tallies],
            images={"used": len(shown), "failed": len(failures)},
        )
        report = write_page(document, output, shown, failures=failures)
        write_json(output_path(output, DOCUMENT), document.model_dump(mode="json"))
    return ConceptsResult(document, report, made, len(shown) - made, tuple(failures))


def _folders(
    question: ConceptQuestion, output: Path, settings: ConceptSettings
) -> ImageFolders[ConceptEntry]:
    names, truth = question.classes.names, question.classes.truth
    return ImageFolders(
        output,
        SEALS,
        question.digest(),
        Writer(question, output).write_all,
        is_joint=settings.protocol == "published",
        facts={identity: f"of class {names[number]}" for identity, number in truth.items()},
    )


def _document(
    question: ConceptQuestion,
    source: ImageSource,
    settings: ConceptSettings,
    *,
    encoders: list[EncoderSummary],
    images: dict[str, int],
) -> ConceptsDocument:
    bank = question.bank
    return ConceptsDocument(
        source=source.name,
        classes=list(question.classes.names),
        bank={"origin": bank.origin, "texts": len(bank), "digest": bank.digest},
        images=images,
        encoders=encoders,
        relations=fit_lines(encoders, seed=settings.seed),
        notes=[*question.notes, *source.notes],
        settings=settings.recorded(),
        versions=library_versions(),
        question=question.digest(),
    )
