"""The user's own files: records by task, and which of them are kept back for validation."""

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.data.narration.caption_files import read_caption_corpus
from seewhy.data.narration.easy_vqa import read_easy_vqa
from seewhy.data.narration.entries import ImageFolder
from seewhy.data.narration.nlx_files import NlxTask, read_nlx
from seewhy.data.narration.prompts import Prompts, unified
from seewhy.data.narration.records import NarrationRecord, NarrationSource, Task
from seewhy.data.narration.uninlx_files import read_a_okvqa, read_uninlx_test, read_uninlx_train
from seewhy.results.files import file_sha256

DataFormat = Literal["vqax", "actx", "esnlive", "vcr", "uninlx", "aokvqa", "easy-vqa", "captions"]
DATA_FORMATS: tuple[DataFormat, ...] = get_args(DataFormat)
Use = Literal["train", "test"]

_NLX: dict[DataFormat, NlxTask] = {
    "vqax": "vqaX", "actx": "actX", "esnlive": "esnlive", "vcr": "vcr",
}  # fmt: skip
_TASKS: dict[DataFormat, Task] = {
    **_NLX, "aokvqa": "aokvqa", "easy-vqa": "easy_vqa", "captions": "captions",
}  # fmt: skip
_HELD_OUT = 20
"""One in so many images is kept back."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DataFile:
    """A file in one of the published forms, and the folder that its paths of images start from.

    Of "easy-vqa" it is the folder of the data set, and `images` is not needed. Of "captions" it is
    the list of images; the list of captions lies beside it, "captions" in its name for "images".
    """

    format: DataFormat
    path: Path
    images: Path | None = None

    @property
    def task(self) -> Task | None:
        """The one task of the format; None where a file holds several."""
        return _TASKS.get(self.format)

    def digest(self) -> str:
        """What the file holds, as a short digest."""
        paths = [self.path]
        if self.format == "captions":
            paths.append(captions_beside(self.path))
        if self.format == "easy-vqa":
            paths = sorted(self.path.glob("*/questions.json"))
        found = "".join(file_sha256(path) for path in paths)
        return hashlib.sha256(found.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class FileRecords:
    """Usable records, and how many entries were none."""

    records: tuple[NarrationRecord, ...]
    failures: int


def read_data(
    files: Sequence[DataFile],
    *,
    use: Use = "train",
    prompts: Prompts | None = None,
    tasks: Sequence[str] = (),
) -> FileRecords:
    """The records of all files, of these tasks only where any are named.

    With `prompts` each gets the question of its task, but those of Uni-NLX's files, which hold
    their questions ready made. Raises `UsageError` where a file, or all of them, hold nothing.
    """
    records: list[NarrationRecord] = []
    failures = 0
    for file in files:
        source = _read(file, use)
        for failure in source.failures[:1]:
            _log.warning(
                "%d of %d entries of %s cannot be used; the first: %s",
                len(source.failures),
                len(source.failures) + len(source.records),
                shown(file.path),
                failure.message,
            )
        failures += len(source.failures)
        is_asked = prompts is None or file.format in ("uninlx", "captions")
        records += [
            record if prompts is None or is_asked else unified(record, prompts)
            for record in source.records
        ]
    kept = [record for record in records if not tasks or record.task in tasks]
    if not kept:
        raise UsageError(
            f"the {len(files)} files hold {len(records)} records, none of the tasks "
            f"{list(tasks)}. Name other tasks, or other files."
        )
    return FileRecords(tuple(kept), failures)


def held_out(
    records: Iterable[NarrationRecord],
) -> tuple[tuple[NarrationRecord, ...], tuple[NarrationRecord, ...]]:
    """Records to train on and to validate on: those of one in 20 images, by the image's name.

    So no image is in both. Raises `UsageError` where either is empty.
    """
    trained: list[NarrationRecord] = []
    kept: list[NarrationRecord] = []
    for record in records:
        digest = hashlib.sha256(record.images[0].encode("utf-8", "replace")).digest()
        is_kept = int.from_bytes(digest[:4]) % _HELD_OUT == 0
        (kept if is_kept else trained).append(record)
    if not kept or not trained:
        raise UsageError(
            f"{len(trained) + len(kept)} records are too few to keep some back for validation. "
            "Name validation data."
        )
    return tuple(trained), tuple(kept)


def data_format(name: str) -> DataFormat:
    """The form of this name; `UsageError` with all names for another."""
    for known in DATA_FORMATS:
        if known == name:
            return known
    raise UsageError(f"no form of data {name!r}; there are {', '.join(DATA_FORMATS)}.")


def captions_beside(path: Path) -> Path:
    """The list of captions that belongs to a list of images; `UsageError` without one."""
    found = path.with_name(path.name.replace("images", "captions"))
    if found == path or not found.is_file():
        raise UsageError(
            f"no list of captions lies beside {shown(path)}. Wanted are two files such as "
            "corpus_images_train.json and corpus_captions_train.json; name the first."
        )
    return found


def _read(file: DataFile, use: Use) -> NarrationSource:
    if file.format == "easy-vqa":
        return read_easy_vqa(file.path, split=use)
    if file.images is None:
        raise UsageError(f"where are the images of {shown(file.path)}? Name their folder.")
    images = ImageFolder(file.images)
    match file.format:
        case "captions":
            return read_caption_corpus(file.path, captions_beside(file.path), images=images)
        case "aokvqa":
            return read_a_okvqa(file.path, images=images)
        case "uninlx":
            read = read_uninlx_train if _is_list(file.path) else read_uninlx_test
            return read(file.path, images=images)
        case _:
            return read_nlx(file.path, _NLX[file.format], images=images)


def _is_list(path: Path) -> bool:
    """Whether a file of Uni-NLX is the one to train on; any fault is left to the reader."""
    try:
        return isinstance(json.loads(path.read_bytes()), list)
    except (OSError, ValueError, RecursionError):
        return True
