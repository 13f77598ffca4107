"""Tables of pairs: a row per pair and method, a line per pair, and the ranking of a gallery."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from seewhy.results.files import atomic_file, output_path
from seewhy.results.seals import entry_folder
from seewhy.results.tables import Kind, RowTable, row_table
from seewhy.similarity.document import SCHEMA
from seewhy.similarity.entries import MapReading, PairEntry, ViewReading
from seewhy.similarity.neighbours import Neighbour

PAIRS, RANKING, LINES = "pairs", "ranking", "pairs.jsonl"

_OF_REGION = ("left", "top", "right", "bottom")


def _view_columns(side: str) -> dict[str, Kind]:
    return {
        **dict.fromkeys((f"{side}_low", f"{side}_high"), "number"),
        **dict.fromkeys((f"{side}_x", f"{side}_y"), "count"),
        **dict.fromkeys((f"{side}_{name}" for name in _OF_REGION), "count"),
        f"{side}_share": "number",
        **dict.fromkeys((f"{side}_counterpart_x", f"{side}_counterpart_y"), "count"),
        f"{side}_likeness": "number",
    }


_COLUMNS: Mapping[str, Kind] = {
    **dict.fromkeys(("query", "image"), "text"),
    "rank": "count",
    "similarity": "number",
    "method": "text",
    **_view_columns("first"),
    **_view_columns("second"),
    **dict.fromkeys(("picture", "folder"), "text"),
}
_RANKING: Mapping[str, Kind] = {"rank": "count", "image": "text", "similarity": "number"}


@dataclass(frozen=True)
class PairTables:
    """Takes pairs one after the other."""

    output: Path
    rows: RowTable
    lines: IO[str]

    def add(self, entry: PairEntry, rank: int | None) -> None:
        """All readings of a pair."""
        folder = entry_folder(self.output, entry.image).relative_to(self.output).as_posix()
        beside = {"rank": rank, "folder": folder}
        self.rows.add(_row(entry, reading) | beside for reading in entry.readings)
        content = entry.model_dump(mode="json", exclude={"key", "files", "schema_version"})
        self.lines.write(json.dumps(content | beside, allow_nan=False) + "\n")


@contextmanager
def pair_tables(output: Path) -> Iterator[PairTables]:
    """`pairs.parquet`, .csv and .jsonl: whole, or as they were before."""
    with ExitStack() as stack:
        rows = stack.enter_context(row_table(output, PAIRS, _COLUMNS, schema=SCHEMA))
        path = stack.enter_context(atomic_file(output_path(output, LINES)))
        lines = stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))
        yield PairTables(output, rows, lines)


def write_ranking(output: Path, neighbours: Iterable[Neighbour]) -> None:
    """`ranking.parquet` and .csv: every usable image of the gallery, the nearest first."""
    with row_table(output, RANKING, _RANKING, schema="seewhy.ranking/1") as table:
        for each in neighbours:
            table.add([{"rank": each.rank, "image": each.record.id, "similarity": each.similarity}])


def _row(entry: PairEntry, reading: MapReading) -> dict[str, Any]:
    return {
        "query": entry.query,
        "image": entry.image,
        "similarity": entry.similarity,
        "method": reading.method,
        **_view_row("first", reading.first),
        **_view_row("second", reading.second),
        "picture": reading.picture,
    }


def _view_row(side: str, view: ViewReading) -> dict[str, Any]:
    region, found = view.region, view.counterpart
    return {
        f"{side}_low": view.low,
        f"{side}_high": view.high,
        f"{side}_x": region.peak.x if region else None,
        f"{side}_y": region.peak.y if region else None,
        **{f"{side}_{name}": getattr(region, name) if region else None for name in _OF_REGION},
        f"{side}_share": region.share if region else None,
        f"{side}_counterpart_x": found.place.x if found else None,
        f"{side}_counterpart_y": found.place.y if found else None,
        f"{side}_likeness": found.likeness if found else None,
    }
