"""The tables of units: a row each, in their order."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from seewhy.methods.unit_naming.method import UnitNames
from seewhy.results.files import output_path, write_csv, write_table
from seewhy.results.text import visible_text

SCHEMA: Final = "seewhy.units/1"
PARQUET, CSV, FAILURES = "units.parquet", "units.csv", "failures.parquet"


def unit_rows(names: UnitNames) -> Iterator[dict[str, Any]]:
    """The row of each unit; what does not exist is None. `text_1` is the best, named or not."""
    margins, own, corrected = (
        each.tolist() for each in (names.margin, names.p_value, names.corrected)
    )
    silent, scores, best = names.silent.tolist(), names.scores.tolist(), names.best.tolist()
    for unit, name in enumerate(names.names):
        row: dict[str, Any] = {
            "unit": unit,
            "name": name,
            "margin": None if silent[unit] else margins[unit],
            "p_value": own[unit],
            "corrected_p_value": corrected[unit],
            "silent": silent[unit],
        }
        for place, (text, score) in enumerate(zip(best[unit], scores[unit], strict=True), 1):
            row[f"text_{place}"] = None if silent[unit] else names.texts[text]
            row[f"score_{place}"] = None if silent[unit] else score
        yield row


def write_tables(names: UnitNames, output: Path) -> None:
    """`units.parquet`, `units.csv` and `failures.parquet`."""
    import pyarrow

    rows = list(unit_rows(names))
    fields = [(name, _kind(name)) for name in rows[0]]
    table = pyarrow.Table.from_pylist(rows, schema=pyarrow.schema(fields))
    write_table(output_path(output, PARQUET), table, schema=SCHEMA)
    plain = [
        {key: visible_text(cell) if isinstance(cell, str) else cell for key, cell in row.items()}
        for row in rows
    ]
    write_csv(output_path(output, CSV), plain)
    failures = {
        name: pyarrow.array([getattr(each, name) for each in names.failures], pyarrow.string())
        for name in ("id", "code", "message")
    }
    write_table(output_path(output, FAILURES), pyarrow.table(failures), schema=SCHEMA)


def _kind(name: str) -> Any:
    import pyarrow

    if name == "unit":
        return pyarrow.int64()
    if name == "silent":
        return pyarrow.bool_()
    is_text = name == "name" or name.startswith("text_")
    return pyarrow.string() if is_text else pyarrow.float64()
