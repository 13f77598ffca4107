"""Tables that list images, CSV or Parquet, to records."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import Any

from seewhy.base.errors import DataError, UsageError
from seewhy.data.files import shown
from seewhy.data.images import ReadPolicy
from seewhy.data.listing import Columns, EncodedImage, FileImage, Listing, Row, list_rows
from seewhy.data.records import Failure

_DELIMITERS = (",", ";", "\t")


def list_csv(path: Path, columns: Columns, *, policy: ReadPolicy) -> Listing:
    """One record per line of a table in UTF-8, separated by commas, semicolons or tabs.

    Image paths are relative to the table. A line with too few or too many cells is a failure.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            stream.seek(0)
            lines = csv.reader(stream, delimiter=_delimiter(header), strict=True)
            names = next(lines, [])
            chosen = columns.chosen(names, where=shown(path))
            table = _CsvTable(names, chosen, path.parent, policy)
            return list_rows(table.rows(lines), chosen, where=shown(path))
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown(path)} is not UTF-8 (byte {error.start}); save it so.") from error
    except csv.Error as error:
        raise UsageError(f"{shown(path)}, line {lines.line_num}: {error}.") from error
    except OSError as error:
        raise UsageError(f"{shown(path)} cannot be read: {error}.") from error


def _delimiter(header: str) -> str:
    """The separator that gives the header the most columns."""
    counts = {mark: len(next(csv.reader([header], delimiter=mark), [])) for mark in _DELIMITERS}
    return max(_DELIMITERS, key=lambda mark: counts[mark])


@dataclass(frozen=True)
class _CsvTable:
    """The lines below a header; `folder` is where relative paths start."""

    names: Sequence[str]
    columns: Columns
    folder: Path
    policy: ReadPolicy

    def rows(self, lines: Iterator[list[str]]) -> Iterator[Row | Failure]:
        filled = (cells for cells in lines if cells)
        for number, cells in enumerate(filled, start=1):
            if len(cells) == len(self.names):
                yield self._row(number, dict(zip(self.names, cells, strict=True)))
            else:
                message = f"row {number} has {len(cells)} cells, not {len(self.names)}."
                yield Failure(str(number), "bad_row", message)

    def _row(self, number: int, cells: dict[str, str]) -> Row:
        image = cells.pop(str(self.columns.image))
        if not image:
            return Row(str(number), None, cells)
        return Row(f"{number}:{image}", FileImage(self.folder / image, self.policy), cells)


def list_parquet(path: Path, columns: Columns, *, policy: ReadPolicy) -> Listing:
    """One record per row; images are encoded bytes, paths relative to the table, or both.

    "Both" is a struct of `bytes` and `path`, as Hugging Face data sets store images. Bytes are
    fetched a row group at a time when an image is read.
    """
    import pyarrow as pa

    try:
        table = ParquetTable(path, columns)
        listing = list_rows(table.rows(policy), table.columns, where=shown(path))
        return replace(listing, notes=(*listing.notes, *table.notes()))
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{shown(path)} is no readable Parquet file: {error}.") from error


class ParquetTable:
    """The cells of a Parquet file; two row groups of images are kept in memory."""

    def __init__(self, path: Path, columns: Columns) -> None:
        from pyarrow import parquet

        self.path = path
        self._file = parquet.ParquetFile(path)
        self._schema = self._file.schema_arrow
        self.columns = columns.chosen(self._schema.names, where=shown(path))
        self._lock = Lock()
        self._images = lru_cache(maxsize=2)(self._read_images)

    def rows(self, policy: ReadPolicy) -> Iterator[Row]:
        """One row per image, read lazily unless the image column holds mere paths."""
        import pyarrow as pa

        names = [field.name for field in self._schema if _is_plain(field.type)]
        kind = self._schema.field(self.columns.image).type
        are_paths = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if not (are_paths or pa.types.is_struct(kind) or _is_binary(kind)):
            raise UsageError(
                f"{shown(self.path)}: the column {self.columns.image!r} is {kind}; wanted are "
                "paths, bytes, or a struct of both."
            )
        number = 0
        for group in range(self._file.num_row_groups):
            cells = self._file.read_row_group(group, columns=names).to_pylist()
            size = self._file.metadata.row_group(group).num_rows
            for index in range(size):
                number += 1
                row = cells[index] if cells else {}
                if are_paths:
                    yield self._path_row(number, row, policy)
                else:
                    fetch = partial(self._fetch, group, index)
                    yield Row(str(number), EncodedImage(fetch, policy), row)

    def notes(self) -> tuple[str, ...]:
        """Which columns cannot become attributes."""
        unused = [
            repr(field.name)
            for field in self._schema
            if not _is_plain(field.type) and field.name != self.columns.image
        ]
        if not unused:
            return ()
        return (f"columns that hold no single values were not read: {', '.join(unused)}",)

    def _path_row(self, number: int, row: dict[str, object], policy: ReadPolicy) -> Row:
        image = row.pop(str(self.columns.image))
        if not image:
            return Row(str(number), None, row)
        return Row(f"{number}:{image}", FileImage(self.path.parent / str(image), policy), row)

    def _fetch(self, group: int, index: int) -> bytes | Path:
        import pyarrow as pa

        try:
            with self._lock:
                cell = self._images(group)[index].as_py()
        except (pa.ArrowException, OSError) as error:
            raise DataError("unreadable", f"{shown(self.path)}: {error}.") from error
        return image_cell(cell, folder=self.path.parent)

    def _read_images(self, group: int) -> Any:
        return self._file.read_row_group(group, columns=[self.columns.image]).column(0)


def image_cell(cell: Any, *, folder: Path) -> bytes | Path:
    """What to read for a cell of bytes, or a mapping with `bytes` and a `path` in `folder`."""
    content, path = cell, None
    if isinstance(cell, dict):
        content, path = cell.get("bytes"), cell.get("path")
    if content is not None:
        return bytes(content)
    if path:
        return folder / str(path)
    raise DataError("missing_value", "the image is empty (null).")


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_plain(kind: Any) -> bool:
    import pyarrow as pa

    return not (_is_binary(kind) or pa.types.is_nested(kind))
