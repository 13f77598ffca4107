"""Tables of an output folder, written row by row however many there are."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from seewhy.data.records import Failure
from seewhy.results.files import atomic_file, harmless_cell, output_path, write_table
from seewhy.results.text import visible_text

Kind = Literal["text", "number", "count", "truth"]

FAILURES = "failures.parquet"
_ROWS_AT_ONCE = 4096


@dataclass
class RowTable:
    """Takes rows; a batch of them is held in memory."""

    parquet: Any
    csv: Any
    columns: tuple[str, ...]
    _waiting: list[dict[str, Any]] = field(default_factory=list)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows with a cell for each column."""
        found = [{name: row[name] for name in self.columns} for row in rows]
        if self.csv is not None:
            self.csv.writerows([_plain(cell) for cell in row.values()] for row in found)
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
def row_table(
    output: Path, name: str, columns: Mapping[str, Kind], *, schema: str, with_csv: bool = True
) -> Iterator[RowTable]:
    """`name`.parquet and `name`.csv of an output folder, both whole or as they were before.

    In the second, invisible characters are spelled out, and text that a spreadsheet would run
    gets a leading quote mark.
    """
    import pyarrow.parquet

    with ExitStack() as stack:
        parquet = stack.enter_context(atomic_file(output_path(output, f"{name}.parquet")))
        table = RowTable(
            stack.enter_context(
                pyarrow.parquet.ParquetWriter(
                    parquet, _arrow_schema(columns, schema), compression="zstd"
                )
            ),
            stack.enter_context(_csv_writer(output, name, columns)) if with_csv else None,
            tuple(columns),
        )
        yield table
        table.flush()


def write_failures(output: Path, failures: Iterable[Failure], *, schema: str) -> None:
    """`failures.parquet`: each image that could not be used, and why."""
    import pyarrow

    found = list(failures)
    texts = {
        name: pyarrow.array([getattr(each, name) for each in found], pyarrow.string())
        for name in ("id", "code", "message")
    }
    write_table(output_path(output, FAILURES), pyarrow.table(texts), schema=schema)


@contextmanager
def _csv_writer(output: Path, name: str, columns: Iterable[str]) -> Iterator[Any]:
    with (
        atomic_file(output_path(output, f"{name}.csv")) as path,
        path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
    ):
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        yield writer


def _plain(cell: object) -> object:
    return harmless_cell(visible_text(cell) if isinstance(cell, str) else cell)


def _arrow_schema(columns: Mapping[str, Kind], schema: str) -> Any:
    import pyarrow

    kinds = {
        "text": pyarrow.string(),
        "number": pyarrow.float64(),
        "count": pyarrow.int64(),
        "truth": pyarrow.bool_(),
    }
    return pyarrow.schema(
        [(name, kinds[kind]) for name, kind in columns.items()],
        metadata={b"seewhy.schema": schema.encode()},
    )
