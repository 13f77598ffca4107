"""What a look at a data source finds: records, failures, notes."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from PIL import Image

from seewhy.base.errors import DataError, UsageError
from seewhy.data.files import read_file
from seewhy.data.images import ReadPolicy, read_image
from seewhy.data.records import Failure, ImageRecord

IMAGE_COLUMNS = (
    "image", "path", "image_path", "file", "filename", "file_name", "filepath", "img",
    "image_bytes", "bytes",
)  # fmt: skip
LABEL_COLUMNS = ("label", "labels", "class", "class_name", "target", "category")
ID_COLUMNS = ("id",)


@dataclass(frozen=True)
class Listing:
    """What one source offers; `notes` are sentences for the report."""

    records: Sequence[ImageRecord]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Columns:
    """Which column holds what; None means none, or not yet chosen."""

    image: str | None = None
    label: str | None = None
    id: str | None = None
    split: str | None = None

    def chosen(self, names: Sequence[str], *, where: str) -> "Columns":
        """The same with unset names filled from the usual ones, checked against `names`."""
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(f"{where} has the column {twice[0]!r} twice; rename one.")
        image = _chosen(self.image, names, IMAGE_COLUMNS, where=where)
        if image is None:
            raise UsageError(
                f"{where} has no image column among {_listed(names)}. Name it with `image_column`."
            )
        rest = [name for name in names if name != image]
        if self.split is not None and "split" not in names:
            raise UsageError(
                f"{where} has no column 'split' among {_listed(names)}; leave `split` out."
            )
        return Columns(
            image=image,
            label=_chosen(self.label, rest, LABEL_COLUMNS, where=where),
            id=_chosen(self.id, rest, ID_COLUMNS, where=where),
            split=self.split,
        )


@runtime_checkable
class Digestible(Protocol):
    """A reader that can tell its content without decoding it."""

    def digest(self) -> str:
        """SHA-256 of the encoded image; raises `DataError` like the reader itself."""
        ...


@dataclass(frozen=True)
class FileImage:
    """The image in a file."""

    path: Path
    policy: ReadPolicy

    def __call__(self) -> Image.Image:
        """Decode the file."""
        return read_image(self.path, policy=self.policy)

    def digest(self) -> str:
        """SHA-256 of the file."""
        content = read_file(self.path, max_bytes=self.policy.max_bytes, timeout=self.policy.timeout)
        return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class EncodedImage:
    """The image in bytes that are fetched when needed, or in the file that they name."""

    fetch: Callable[[], bytes | Path]
    policy: ReadPolicy

    def __call__(self) -> Image.Image:
        """Fetch and decode."""
        return read_image(self.fetch(), policy=self.policy)

    def digest(self) -> str:
        """SHA-256 of the bytes or of the file."""
        source = self.fetch()
        if isinstance(source, Path):
            return FileImage(source, self.policy).digest()
        return hashlib.sha256(source).hexdigest()


def content_digest(record: ImageRecord) -> str:
    """SHA-256 of a record's content: its bytes where the reader knows them, else its pixels.

    What cannot be read counts by the code of its failure.
    """
    try:
        if isinstance(record.read, Digestible):
            return record.read.digest()
        image = record.read()
    except DataError as error:
        return error.code
    except (OSError, ValueError):
        return "unreadable"
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()


@dataclass(frozen=True)
class Row:
    """One row of a table; `read` is None where the image cell is empty."""

    id: str
    read: Callable[[], Image.Image] | None
    cells: Mapping[str, object] = field(default_factory=dict)


def list_rows(rows: Iterable[Row | Failure], columns: Columns, *, where: str) -> Listing:
    """Records of the rows; an id that comes twice is refused, an empty cell is no attribute."""
    records: dict[str, ImageRecord] = {}
    failures: list[Failure] = []
    for row in rows:
        found = row if isinstance(row, Failure) else _record(row, columns)
        if isinstance(found, Failure):
            failures.append(found)
        elif found is not None:
            if found.id in records:
                raise UsageError(
                    f"{where} has the id {found.id!r} twice; ids must be unique. "
                    "Choose another `id_column`."
                )
            records[found.id] = found
    return Listing(
        records=tuple(records.values()),
        failures=tuple(failures),
        notes=_label_notes(list(records.values())) if columns.label else (),
    )


def cell_text(value: object) -> str | None:
    """A cell as text: 3.0 is "3" (a column with gaps holds floats); empty and NaN are None."""
    match value:
        case None | "":
            return None
        case bool():
            return str(value).lower()
        case float() if value != value:  # noqa: PLR0124
            return None
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def _record(row: Row, columns: Columns) -> ImageRecord | Failure | None:
    cells = {name: text for name, cell in row.cells.items() if (text := cell_text(cell))}
    if columns.split is not None and cells.get("split") != columns.split:
        return None
    if row.read is None:
        return Failure(row.id, "missing_value", f"the column {columns.image!r} is empty.")
    if columns.id is not None and columns.id not in cells:
        return Failure(row.id, "missing_value", f"the column {columns.id!r} is empty.")
    return ImageRecord(
        id=row.id if columns.id is None else cells.pop(columns.id),
        read=row.read,
        label=cells.pop(columns.label, None) if columns.label else None,
        attributes=cells,
    )


def _label_notes(records: Sequence[ImageRecord]) -> tuple[str, ...]:
    missing = sum(record.label is None for record in records)
    return (f"{missing} of {len(records)} images have no label",) if missing else ()


def _chosen(
    wanted: str | None, names: Sequence[str], usual: Sequence[str], *, where: str
) -> str | None:
    if wanted is not None and wanted not in names:
        raise UsageError(f"{where} has no column {wanted!r}; its columns are {_listed(names)}.")
    if wanted is not None:
        return wanted
    return next((name for name in usual if name in names), None)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
