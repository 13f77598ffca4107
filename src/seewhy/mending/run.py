"""Captions of a source edited: what is there is kept, what is missing is made."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seewhy.base.versions import library_versions
from seewhy.data.records import Failure
from seewhy.evaluation.editing.counting import EditedCaption
from seewhy.evaluation.editing.document import ErrorsDocument
from seewhy.evaluation.editing.errors import ErrorSettings
from seewhy.evaluation.editing.files import READING, errors_document, write_errors
from seewhy.mending.asking import MendingQuestion, check_boxes
from seewhy.mending.captions import CaptionedImage, CaptionedImages
from seewhy.mending.document import DOCUMENT, EDITED, SCHEMA, EditsDocument
from seewhy.mending.entries import SEALS, MendEntry
from seewhy.mending.images import Writer
from seewhy.mending.page import FEW, write_page
from seewhy.mending.tables import mend_tables
from seewhy.models.editing.alignment import Operation
from seewhy.passes.image_folders import ImageFolders, refuse_failures
from seewhy.passes.store import Store
from seewhy.results.files import output_folder, output_path, write_json
from seewhy.results.seals import remove_temporary
from seewhy.results.tables import write_failures

LOCK_FOLDER = ".work"


@dataclass(frozen=True)
class EditsResult:
    """A finished run: how many captions were edited now, how many were there already.

    `first` is what became of the first one that could be edited.
    """

    document: EditsDocument
    errors: ErrorsDocument
    report: Path
    made: int
    kept: int
    failures: tuple[Failure, ...]
    first: MendEntry | None

    def check(self, *, max_failures: float) -> None:
        """Raise `DataError` when more than this share of the images could not be used, or all."""
        refuse_failures(self.failures, used=self.made + self.kept, most=max_failures)


@dataclass
class _Tally:
    """What is remembered of all captions, which is little of each."""

    made: int = 0
    first: MendEntry | None = None
    shown: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    edited: list[dict[str, object]] = field(default_factory=list)
    captions: list[EditedCaption] = field(default_factory=list)
    unknown: Counter[str] = field(default_factory=Counter)
    unfinished: int = 0

    def add(self, entry: MendEntry, item: CaptionedImage) -> None:
        self.first = self.first or entry
        self.shown.append(entry.image)
        self.changed += [entry.image] * entry.is_changed
        self.unfinished += not entry.is_finished
        self.unknown.update(entry.unknown)
        named = {} if item.file_name is None else {"file_name": item.file_name}
        self.edited.append({"image_id": item.image_id, "caption": entry.edited, **named})
        self.captions.append(_counted(entry))


def edit_captions(question: MendingQuestion, source: CaptionedImages, output: Path) -> EditsResult:
    """Write edited captions with their evidence, tables, errors, a document and `report.html`.

    What lies there already is kept if the same was asked of the same image and caption, and made
    anew otherwise; so a run that was killed goes on. Other files are left alone. Raises
    `UsageError` when another run uses the folder, and where an editor lacks boxes.
    """
    check_boxes(question, source.items)
    settings = question.settings
    output = output_folder(output)
    items = {each.record.id: each for each in source.items}
    tally, failures = _Tally(), [*source.failures]
    with Store(output / LOCK_FOLDER).in_use():
        remove_temporary(output)
        folders = ImageFolders(
            output,
            SEALS,
            hashlib.sha256(question.digest().encode()).hexdigest(),
            Writer(question, items, output).write_all,
            facts=question.facts(source.items),
        )
        with mend_tables(output) as tables:
            for outcome in folders.outcomes(
                [each.record for each in source.items],
                batch_size=settings.batch_size,
                name="edit",
                progress=settings.progress,
            ):
                if isinstance(outcome.found, Failure):
                    failures.append(outcome.found)
                    continue
                tally.made += outcome.is_new
                tally.add(outcome.found, items[outcome.found.image])
                tables.add(outcome.found)
        write_failures(output, failures, schema=SCHEMA)
        return _finished(question, source, output, tally=tally, failures=failures)


def _finished(
    question: MendingQuestion,
    source: CaptionedImages,
    output: Path,
    *,
    tally: _Tally,
    failures: Sequence[Failure],
) -> EditsResult:
    errors = _errors(question, tally)
    document = _document(question, source, tally, failed=len(failures))
    write_errors(errors, output)
    write_json(output_path(output, EDITED), tally.edited)
    images = tally.shown if len(tally.shown) <= FEW else tally.changed or tally.shown
    report = write_page(document, errors, output, images=images, failures=failures)
    write_json(output_path(output, DOCUMENT), document.model_dump(mode="json"))
    kept = len(tally.shown) - tally.made
    return EditsResult(document, errors, report, tally.made, kept, tuple(failures), tally.first)


def _errors(question: MendingQuestion, tally: _Tally) -> ErrorsDocument:
    settings = question.settings
    return errors_document(
        tally.captions,
        words=settings.words,
        settings=ErrorSettings(settings.least, settings.bootstrap, settings.seed),
        editor=question.editor_name,
        unknown=frozenset(tally.unknown),
        notes=READING,
    )


def _document(
    question: MendingQuestion, source: CaptionedImages, tally: _Tally, *, failed: int
) -> EditsDocument:
    kinds = Counter(each.kind for one in tally.captions for each in one.operations)
    return EditsDocument(
        source=source.name,
        editor=question.editor_name,
        captions={
            "used": len(tally.shown),
            "failed": failed,
            "changed": len(tally.changed),
        },
        operations={kind: kinds[kind] for kind in ("keep", "replace", "insert", "delete")},
        unfinished=tally.unfinished,
        notes=[*question.notes, *source.notes, *_unknown_notes(tally)],
        settings=question.settings.recorded(),
        versions=library_versions(),
        question=question.digest(),
    )


def _unknown_notes(tally: _Tally) -> list[str]:
    if not tally.unknown:
        return []
    words = ", ".join(repr(word) for word, _ in tally.unknown.most_common(10))
    more = f" and {len(tally.unknown) - 10} more" if len(tally.unknown) > 10 else ""
    return [f"The editor does not know {words}{more}: it cannot keep these words, right or wrong."]


def _counted(entry: MendEntry) -> EditedCaption:
    operations, support = [], []
    source = target = 0
    for each in entry.script:
        operations.append(
            Operation(
                each.kind,
                None if each.old is None else source,
                None if each.new is None else target,
                each.old,
                each.new,
            )
        )
        source, target = source + (each.old is not None), target + (each.new is not None)
        support.append(each.probability)
    return EditedCaption(entry.image, tuple(operations), tuple(support))
