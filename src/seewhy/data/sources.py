"""Wherever images lie: one door, one kind of result."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seewhy.base.errors import UsageError
from seewhy.data.files import name_as_text, shown
from seewhy.data.folders import list_folder
from seewhy.data.hugging_face import is_hugging_face, list_hugging_face, load_hugging_face
from seewhy.data.idx import find_idx, is_idx, list_idx
from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.listing import Columns, Listing, content_digest
from seewhy.data.manifests import list_csv, list_parquet
from seewhy.data.records import Failure, ImageRecord
from seewhy.data.torch_datasets import MapDataset, list_dataset

_WANTED = (
    "a folder of images, a CSV or Parquet file, MNIST's IDX images, 'hf:' and a folder written "
    "by `save_to_disk`, a torch or Hugging Face Dataset, or a sequence of ImageRecord"
)


@dataclass(frozen=True)
class ImageSource:
    """Images that can be read, in a stable order, and what was found while listing them.

    `failures` never became records; a record that cannot be decoded fails later, in a pass.
    `notes` are sentences for the report, such as "3 hidden files skipped".
    """

    name: str
    records: Sequence[ImageRecord]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        """SHA-256 of all ids, labels, attributes and contents; the order does not matter.

        Every file is read once. Images that only a Dataset holds count by their pixels.
        """
        lines = sorted(
            json.dumps(
                [
                    record.id,
                    record.label,
                    sorted(record.attributes.items()),
                    content_digest(record),
                ]
            )
            for record in self.records
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def open_source(
    data: object,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    split: str | None = None,
    policy: ReadPolicy = DEFAULT_POLICY,
) -> ImageSource:
    """List the images of a folder, manifest, data set or sequence of records; decode none.

    Columns are those of a manifest or the keys of a Dataset's items; unnamed ones are looked
    for under their usual names. Raises `UsageError` when there is nothing to read.
    """
    if isinstance(data, ImageSource):
        return data
    columns = Columns(image_column, label_column, id_column, split)
    if isinstance(data, str | Path):
        name, listing = _at_place(str(data), columns, policy)
    else:
        name, listing = type(data).__name__, _in_memory(data, columns, policy)
    if not listing.records:
        raise UsageError(f"{name} holds no image that could be listed{_first(listing.failures)}.")
    return ImageSource(name, listing.records, listing.failures, listing.notes)


def _at_place(place: str, columns: Columns, policy: ReadPolicy) -> tuple[str, Listing]:
    is_hub = place.startswith("hf:")
    path = Path(place.removeprefix("hf:"))
    name = name_as_text(path)
    if is_hub:
        return name, list_hugging_face(load_hugging_face(path), columns, policy=policy)
    if path.is_dir():
        images = find_idx(path, split=columns.split)
        if images is not None:
            return name, list_idx(images, policy=policy)
        return name, list_folder(path, split=columns.split, policy=policy)
    if not path.is_file():
        raise UsageError(f"{shown(path)} does not exist, or is no file. Wanted: {_WANTED}.")
    match path.suffix.lower():
        case ".csv" | ".tsv":
            return name, list_csv(path, columns, policy=policy)
        case ".parquet" | ".pq":
            return name, list_parquet(path, columns, policy=policy)
    if is_idx(path):
        return name, list_idx(path, policy=policy)
    raise UsageError(f"{shown(path)} is none of these: {_WANTED}.")


def _in_memory(data: object, columns: Columns, policy: ReadPolicy) -> Listing:
    if is_hugging_face(data):
        return list_hugging_face(data, columns, policy=policy)
    if isinstance(data, Sequence) and all(isinstance(item, ImageRecord) for item in data):
        return _checked(data)
    if isinstance(data, MapDataset) and not isinstance(data, Sequence | Mapping):
        return list_dataset(data, columns, policy=policy)
    raise UsageError(f"a {type(data).__name__} cannot be read. Wanted: {_WANTED}.")


def _checked(records: Sequence[ImageRecord]) -> Listing:
    ids = set()
    for record in records:
        if record.id in ids:
            raise UsageError(f"two records have the id {record.id!r}; ids must be unique.")
        ids.add(record.id)
    return Listing(records)


def _first(failures: Sequence[Failure]) -> str:
    if not failures:
        return " (it is empty)"
    first = failures[0]
    return f"; {len(failures)} failed, the first: {first.code}: {first.message.rstrip('.')}"
