"""Maps of all images of a source: what is there is kept, what is missing is made."""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from seewhy.base.errors import DataError, UsageError
from seewhy.base.versions import library_versions
from seewhy.data.images import NOTES_KEY
from seewhy.data.listing import content_digest
from seewhy.data.records import Failure, ImageRecord
from seewhy.data.sources import ImageSource
from seewhy.mapping.asking import Question
from seewhy.mapping.document import DOCUMENT, MapsDocument
from seewhy.mapping.entries import ImageEntry, entry_folder, kept_entry, remove_temporary
from seewhy.mapping.images import Taken, Writer
from seewhy.mapping.page import write_page
from seewhy.mapping.settings import MapSettings
from seewhy.mapping.tables import map_tables, write_failures
from seewhy.passes.loading import load_images
from seewhy.passes.runner import run_batches
from seewhy.passes.store import Store
from seewhy.results.files import output_folder, output_path, write_json

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
        used, failed = self.made + self.kept, len(self.failures)
        if failed and (not used or failed > max_failures * (used + failed)):
            first = self.failures[0]
            raise DataError(
                "all_failed" if not used else "too_many_failures",
                f"{failed} of {used + failed} images could not be used; the first: {first.id!r}, "
                f"{first.code}: {first.message} failures.parquet names each. Mend them, or allow "
                "more failures.",
            )


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
            for outcome in _Run(question, settings, output).outcomes(source.records):
                if isinstance(outcome.found, Failure):
                    failures.append(outcome.found)
                    continue
                made += outcome.is_new
                shown.append(outcome.found.image)
                folder = entry_folder(output, outcome.found.image)
                tables.add(outcome.found.rows, folder.relative_to(output).as_posix())
        write_failures(output, failures)
        document = _document(question, source, settings, (len(shown), len(failures)))
        report = write_page(document, output, shown, failures=failures)
        write_json(output_path(output, DOCUMENT), document.model_dump(mode="json"))
    return MapsResult(document, report, made, len(shown) - made, tuple(failures))


@dataclass(frozen=True)
class _Outcome:
    found: ImageEntry | Failure
    is_new: bool = False


@dataclass(frozen=True)
class _Run:
    """One question put to images, batch by batch."""

    question: Question
    settings: MapSettings
    output: Path

    def outcomes(self, records: Sequence[ImageRecord]) -> Iterator[_Outcome]:
        """One for each record, in order; at most a batch of images is in memory."""
        digest = self._digest()
        size = self.settings.batch_size
        # The delay keeps runs of less than two seconds silent.
        hidden = not self.settings.progress or sys.stderr is None
        with tqdm(total=len(records), desc="map", unit="image", delay=2, disable=hidden) as bar:
            for start in range(0, len(records), size):
                batch = records[start : start + size]
                yield from self._batch(batch, {each.id: _key(digest, each) for each in batch})
                bar.update(len(batch))

    def _batch(self, batch: Sequence[ImageRecord], keys: Mapping[str, str]) -> Iterator[_Outcome]:
        outcomes: dict[str, _Outcome] = {}
        for record in batch:
            entry = kept_entry(entry_folder(self.output, record.id), keys[record.id])
            if entry is not None:
                outcomes[record.id] = _Outcome(entry)
        missing = [record for record in batch if record.id not in outcomes]
        result = run_batches(
            load_images(missing, partial(_taken, keys)), self._written, batch_size=len(batch)
        )
        for entry in (entry for entries in result.outputs for entry in entries):
            outcomes[entry.image] = _Outcome(entry, is_new=True)
        outcomes |= {failure.id: _Outcome(failure) for failure in result.failures}
        yield from (outcomes[record.id] for record in batch)

    def _written(self, _ids: Sequence[str], taken: Sequence[Taken]) -> list[ImageEntry]:
        question = self.question
        writer = Writer(question, self.settings, self.output)
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

    def _digest(self) -> str:
        settings = self.settings
        drawn = [settings.look, settings.figures, settings.arrays, settings.frame]
        return hashlib.sha256(f"{self.question.digest()} {drawn}".encode()).hexdigest()


def _key(digest: str, record: ImageRecord) -> str:
    text = "\n".join((digest, record.id, content_digest(record)))
    return hashlib.sha256(text.encode()).hexdigest()


def _taken(keys: Mapping[str, str], identity: str, image: Image.Image) -> Taken:
    return Taken(identity, keys[identity], image, tuple(image.info.get(NOTES_KEY, ())))


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
