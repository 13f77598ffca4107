"""Reasons told of all images of a source: what is there is kept, what is missing is made."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from seewhy.base.versions import library_versions
from seewhy.data.records import Failure
from seewhy.data.sources import ImageSource
from seewhy.passes.image_folders import ImageFolders, refuse_failures
from seewhy.passes.store import Store
from seewhy.results.files import output_folder, output_path, write_json
from seewhy.results.seals import remove_temporary
from seewhy.results.tables import write_failures
from seewhy.telling.asking import TellingQuestion
from seewhy.telling.document import DOCUMENT, SCHEMA, TellingsDocument
from seewhy.telling.entries import SEALS, Telling, TellingEntry
from seewhy.telling.images import Writer
from seewhy.telling.page import write_page
from seewhy.telling.tables import telling_tables

TEXTS_FOLDER = "texts"
"""Where embeddings of texts are kept between runs, below the output."""


@dataclass(frozen=True)
class TellingsResult:
    """A finished run: how many images were made now, how many were there already.

    `first` is what was told of the first image that could be used.
    """

    document: TellingsDocument
    report: Path
    made: int
    kept: int
    failures: tuple[Failure, ...]
    first: TellingEntry | None

    def check(self, *, max_failures: float) -> None:
        """Raise `DataError` when more than this share of the images could not be used, or all."""
        refuse_failures(self.failures, used=self.made + self.kept, most=max_failures)


def narrate_images(question: TellingQuestion, source: ImageSource, output: Path) -> TellingsResult:
    """Write answers, reasons and their support, tables, a document and `report.html`.

    What lies there already is kept if the same was asked of the same image, and made anew
    otherwise; so a run that was killed goes on. Other files are left alone. Raises `UsageError`
    when another run uses the folder.
    """
    settings = question.settings
    output = output_folder(output)
    made, failures = 0, [*source.failures]
    shown: list[str] = []
    told: list[Telling] = []
    first: TellingEntry | None = None
    with Store(output / TEXTS_FOLDER).in_use():
        remove_temporary(output)
        digest = hashlib.sha256(question.digest().encode()).hexdigest()
        folders = ImageFolders(output, SEALS, digest, Writer(question, output).write_all)
        with telling_tables(output) as tables:
            for outcome in folders.outcomes(
                source.records,
                batch_size=settings.batch_size,
                name="narrate",
                progress=settings.progress,
            ):
                if isinstance(outcome.found, Failure):
                    failures.append(outcome.found)
                    continue
                made += outcome.is_new
                first = first or outcome.found
                shown.append(outcome.found.image)
                told += outcome.found.tellings
                tables.add(outcome.found)
        write_failures(output, failures, schema=SCHEMA)
        document = _document(question, source, told, counts=(len(shown), len(failures)))
        report = write_page(document, output, shown, failures=failures)
        write_json(output_path(output, DOCUMENT), document.model_dump(mode="json"))
    return TellingsResult(document, report, made, len(shown) - made, tuple(failures), first)


def _document(
    question: TellingQuestion,
    source: ImageSource,
    told: list[Telling],
    *,
    counts: tuple[int, int],
) -> TellingsDocument:
    verdicts = Counter(each.verdict for each in told if each.verdict)
    classifier = question.classifier
    return TellingsDocument(
        source=source.name,
        narrator=question.narrator_name,
        encoder=question.looker.encoder.name if question.looker else None,
        classifier=classifier.name if classifier else None,
        questions=list(question.settings.questions),
        images={"used": counts[0], "failed": counts[1]},
        reasons=len(told),
        verdicts={name: verdicts[name] for name in sorted(verdicts)},
        agreed=sum(each.answer == each.own_answer for each in told) if classifier else None,
        notes=[*question.notes, *source.notes],
        settings=question.settings.recorded(),
        versions=library_versions(),
        question=question.digest(),
    )
