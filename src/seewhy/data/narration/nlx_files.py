"""The files of NLX-GPT: VQA-X, ACT-X, e-SNLI-VE and VCR, each a JSON object of entries by id."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from seewhy.base.errors import DataError, UsageError
from seewhy.data.narration.entries import EntryFile, ImageFolder, reason
from seewhy.data.narration.nlx_entries import (
    ActXEntry,
    EsnliVeEntry,
    NlxEntry,
    VcrEntry,
    VqaXEntry,
)
from seewhy.data.narration.records import NarrationRecord, NarrationSource
from seewhy.data.records import Failure

NlxTask = Literal["vqaX", "actX", "esnlive", "vcr"]


@dataclass(frozen=True)
class _Layout:
    kind: str
    entry: type[NlxEntry]
    wanted: str


_LAYOUTS: dict[NlxTask, _Layout] = {
    "vqaX": _Layout(
        "VQA-X",
        VqaXEntry,
        "{question id: {question, answers: [{answer, ...}, ...], image_name, "
        "explanation: [text, ...]}}",
    ),
    "actX": _Layout(
        "ACT-X",
        ActXEntry,
        "{image id: {answers: text, image_name, explanation: [text, ...]}}",
    ),
    "esnlive": _Layout(
        "e-SNLI-VE",
        EsnliVeEntry,
        "{row: {hypothesis, answers: entailment, neutral or contradiction, image_name, "
        "explanation: text}}",
    ),
    "vcr": _Layout(
        "VCR",
        VcrEntry,
        "{number: {question, answers: text, explanation: text, img_name, objects: [name, ...], "
        "boxes_data: [[x1, y1, x2, y2, score], ...] one per object, image_w, image_h}}",
    ),
}


def read_nlx(path: Path, task: NlxTask, *, images: ImageFolder) -> NarrationSource:
    """The records of a file of NLX-GPT in its order; an entry that is unlike it is a failure.

    `images` is the folder that holds train2014, val2014, mpi, flickr30k or vcr1images. No image is
    looked at: one that is not there fails when it is read. Raises `UsageError` for another file.
    """
    layout = _LAYOUTS[task]
    file = EntryFile(path, layout.kind, layout.wanted)
    return file.source(_records(file, layout.entry, images))


def nlx_document(records: Sequence[NarrationRecord], task: NlxTask) -> dict[str, dict[str, object]]:
    """What the JSON file holds; `UsageError` for a record without such a form, or an id twice."""
    layout = _LAYOUTS[task]
    document: dict[str, dict[str, object]] = {}
    for record in records:
        if record.id in document:
            raise UsageError(f"two records have the id {record.id!r}; give each one of its own.")
        try:
            document[record.id] = layout.entry.of(record).model_dump(mode="json")
        except ValidationError as error:
            raise UsageError(
                f"record {record.id!r} cannot be written as {layout.kind}: {reason(error)}. "
                f"Wanted is {layout.wanted}."
            ) from error
    return document


def _records(
    file: EntryFile, model: type[NlxEntry], images: ImageFolder
) -> Iterator[NarrationRecord | Failure]:
    for key, item in file.mapping().items():
        try:
            yield _record(file, file.parsed(model, item, key=key), key, images)
        except DataError as error:
            yield Failure(key, error.code, str(error))


def _record(file: EntryFile, entry: NlxEntry, key: str, images: ImageFolder) -> NarrationRecord:
    try:
        record = entry.record(key)
    except ValueError as error:
        raise file.bad_entry(key, str(error)) from error
    return replace(record, read=images.reader(record.images[0]))
