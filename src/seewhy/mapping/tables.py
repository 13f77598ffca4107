"""The tables of all maps, written row by row however many there are."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from seewhy.data.records import Failure
from seewhy.mapping.entries import MapRow
from seewhy.results.files import atomic_file, harmless_cell, output_path, write_table
from seewhy.results.text import visible_text

SCHEMA: Final = "seewhy.maps/1"
PARQUET, CSV, FAILURES = "maps.parquet", "maps.csv", "failures.parquet"

_ROWS_AT_ONCE = 4096
_COLUMNS = (*MapRow.model_fields, "folder")


@dataclass
class MapTables:
    """Takes rows; a batch of them is held in memory."""

    parquet: Any
    csv: Any
    _waiting: list[dict[str, Any]] = field(default_factory=list)

    def add(self, rows: Sequence[MapRow], folder: str) -> None:
        """The rows of one image, whose files lie in this folder of the output."""
        found = [{**row.model_dump(), "folder": folder} for row in rows]
        self.csv.writerows([_plain(row[name]) for name in _COLUMNS] for row in found)
        self._waiting += found
        if len(self._waiting) >= _ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Hand over what is waiting."""
        import pyarrow

        if self._waiting:
            table = pyarrow.Table.from_pylist(self._waiting, schema=self.parquet.schema)
            self.parquet.write_table(table)
        self._waiting.clear()


@contextmanager
def map_tables(output: Path) -> Iterator[MapTables]:
    """`maps.parquet` and `maps.csv` of an output folder, both whole or as they were before.

    In the second, invisible characters are spelled out, and text that a spreadsheet would run
    gets a leading quote mark.
    """
    import pyarrow.parquet

    with ExitStack() as stack:
        parquet, text = (
            stack.enter_context(atomic_file(output_path(output, name))) for name in (PARQUET, CSV)
        )
        stream = stack.enter_context(
            text.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        )
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(_COLUMNS)
        tables = MapTables(
            stack.enter_context(
                pyarrow.parquet.ParquetWriter(parquet, _schema(), compression="zstd")
            ),
            writer,
        )
        yield tables
        tables.flush()


def write_failures(output: Path, failures: Sequence[Failure]) -> None:
    """`failures.parquet`: each image that could not be used, and why."""
    import pyarrow

    texts = {
        name: pyarrow.array([getattr(each, name) for each in failures], pyarrow.string())
        for name in ("id", "code", "message")
    }
    write_table(output_path(output, FAILURES), pyarrow.table(texts), schema=SCHEMA)


def _plain(cell: object) -> object:
    return harmless_cell(visible_text(cell) if isinstance(cell, str) else cell)


def _schema() -> Any:
    import pyarrow

    kinds = {
        **dict.fromkeys(("image", "text", "method", "picture", "folder"), pyarrow.string()),
        **dict.fromkeys(("similarity", "low", "high", "positive"), pyarrow.float64()),
        **dict.fromkeys(("x", "y"), pyarrow.int64()),
    }
    return pyarrow.schema(
        [(name, kinds[name]) for name in _COLUMNS], metadata={b"seewhy.schema": SCHEMA.encode()}
    )
