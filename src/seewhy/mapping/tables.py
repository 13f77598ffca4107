"""The table of all maps."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from seewhy.mapping.entries import MapRow
from seewhy.results.tables import Kind, RowTable, row_table

SCHEMA: Final = "seewhy.maps/1"
NAME = "maps"

_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("similarity", "low", "high", "positive"), "number"),
    **dict.fromkeys(("x", "y"), "count"),
}
_COLUMNS: Mapping[str, Kind] = {
    name: _KINDS.get(name, "text") for name in (*MapRow.model_fields, "folder")
}


def map_tables(output: Path) -> AbstractContextManager[RowTable]:
    """`maps.parquet` and `maps.csv` of an output folder; `folder` is where a map's files lie."""
    return row_table(output, NAME, _COLUMNS, schema=SCHEMA)
