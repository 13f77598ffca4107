import csv
from contextlib import suppress

import pyarrow.parquet
from tests.mapping.test_entries import row

from seewhy.data.records import Failure
from seewhy.mapping.tables import map_tables
from seewhy.results import tables
from seewhy.results.tables import write_failures

HOSTILE = [
    "=cmd()",
    "+1",
    "-o",
    "@x",
    "\t=1",
    " =1",
    "\x1b[31m",
    "nul\0",
    "a,b",
    'q"q',
    "漢字",
    "a\nb",
]


def cells(rows, folder):
    return [each.model_dump() | {"folder": folder} for each in rows]


def parquet(folder, name="maps.parquet"):
    return pyarrow.parquet.read_table(folder / name)


def lines(folder):
    with (folder / "maps.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_both_tables_hold_every_row_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "_ROWS_AT_ONCE", 4)
    with map_tables(tmp_path) as written:
        for number in range(7):
            written.add(cells([row(x=number), row(x=None, text="blue")], f"images/{number}"))
    found = parquet(tmp_path).to_pylist()
    assert len(found) == 14
    assert [each["x"] for each in found[::2]] == list(range(7))
    assert found[3] == {**row(x=None, text="blue").model_dump(), "folder": "images/1"}
    assert parquet(tmp_path).schema.metadata[b"seewhy.schema"] == b"seewhy.maps/1"
    assert [(each["text"], each["x"]) for each in lines(tmp_path)[2:4]] == [
        ("red", "1"),
        ("blue", ""),
    ]
    assert float(lines(tmp_path)[0]["low"]) == -1.0


def test_hostile_text_is_exact_in_parquet_and_harmless_in_csv(tmp_path):
    with map_tables(tmp_path) as written:
        written.add(cells([row(text=text) for text in HOSTILE], "images/a"))
    assert parquet(tmp_path)["text"].to_pylist() == HOSTILE
    shown = [each["text"] for each in lines(tmp_path)]
    assert shown[:6] == ["'=cmd()", "'+1", "'-o", "'@x", "\\t=1", "' =1"]
    assert shown[6:] == ["\\x1b[31m", "nul\\x00", "a,b", 'q"q', "漢字", "a\\nb"]


def test_no_rows_are_tables_with_columns(tmp_path):
    with map_tables(tmp_path):
        pass
    assert parquet(tmp_path).num_rows == 0
    assert parquet(tmp_path).column_names == lines_header(tmp_path)


def lines_header(folder):
    return (folder / "maps.csv").read_text(encoding="utf-8").strip().split(",")


def test_an_error_leaves_the_tables_of_before(tmp_path):
    with map_tables(tmp_path) as written:
        written.add(cells([row()], "images/a"))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with suppress(KeyboardInterrupt), map_tables(tmp_path) as written:
        written.add(cells([row(), row()], "images/b"))
        raise KeyboardInterrupt
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_failures_are_rows(tmp_path):
    write_failures(tmp_path, [Failure("a", "truncated", "ends early")], schema="seewhy.maps/1")
    assert parquet(tmp_path, "failures.parquet").to_pylist() == [
        {"id": "a", "code": "truncated", "message": "ends early"}
    ]
    write_failures(tmp_path, [], schema="seewhy.maps/1")
    assert parquet(tmp_path, "failures.parquet").num_rows == 0
