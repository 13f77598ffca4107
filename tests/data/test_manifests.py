from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet
from tests.data.hostile import encoded
from tests.data.pictures import (
    BLUE_PNG,
    RED_PNG,
    colour,
    described,
    failures_of,
    read_code,
)

from seewhy.base.errors import UsageError
from seewhy.data.listing import cell_text
from seewhy.data.sources import open_source


def csv_source(tmp_path, text, **options):
    for name, data in (("red.png", RED_PNG), ("blue.png", BLUE_PNG)):
        (tmp_path / name).write_bytes(data)
    path = tmp_path / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_source(path, **options)


def test_a_table_gives_labels_and_attributes(tmp_path):
    source = csv_source(
        tmp_path, "path,label,colour,weather\nred.png,cat,red,\nblue.png,dog,blue,wet\n"
    )
    assert described(source) == [("1:red.png", "cat", "red"), ("2:blue.png", "dog", "blue")]
    assert [dict(record.attributes) for record in source.records] == [
        {"colour": "red"},
        {"colour": "blue", "weather": "wet"},
    ]


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_marks_and_line_ends(tmp_path, mark, start, end):
    lines = [mark.join(cells) for cells in (("label", "file"), ("a", "red.png"), ("", "blue.png"))]
    source = csv_source(tmp_path, start + end.join(lines))
    assert described(source) == [("1:red.png", "a", "red"), ("2:blue.png", None, "blue")]
    assert source.notes == ("1 of 2 images have no label",)


def test_broken_lines_and_empty_cells_are_failures(tmp_path):
    source = csv_source(
        tmp_path, 'id,path\na,red.png\nb\n\nc,red.png,x\nd,\n,blue.png\ne,"blue.png"\n'
    )
    assert [record.id for record in source.records] == ["a", "e"]
    assert failures_of(source) == [
        ("2", "bad_row"),
        ("3", "bad_row"),
        ("4", "missing_value"),
        ("5:blue.png", "missing_value"),
    ]
    assert "row 2 has 1 cells" in source.failures[0].message
    assert "row 3 has 3 cells" in source.failures[1].message


def test_named_columns_win(tmp_path):
    source = csv_source(
        tmp_path,
        "path,label,where,what,key\nx,y,red.png,cat,k1\nx,y,blue.png,dog,k2\n",
        image_column="where",
        label_column="what",
        id_column="key",
    )
    assert described(source) == [("k1", "cat", "red"), ("k2", "dog", "blue")]
    assert dict(source.records[0].attributes) == {"path": "x", "label": "y"}


def test_a_split_column_selects_rows(tmp_path):
    text = "path,split\nred.png,train\nblue.png,test\n"
    assert described(csv_source(tmp_path, text, split="test")) == [("2:blue.png", None, "blue")]
    assert dict(csv_source(tmp_path, text).records[1].attributes) == {"split": "test"}
    with pytest.raises(UsageError, match=r"list\.csv holds no image"):
        csv_source(tmp_path, text, split="nothing")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("path|label\nred.png|a\n", {}, "no image column among 'path.label'"),
        ("a,b\n1,2\n", {}, "Name it with `image_column`"),
        ("path,label\nred.png,a\n", {"image_column": "file"}, "no column 'file'.*'path', 'label'"),
        ("path,label\nred.png,a\n", {"label_column": "path"}, "no column 'path'"),
        ("path,path\na,b\n", {}, "'path' twice"),
        ("id,path\n7,red.png\n7,blue.png\n", {}, "the id '7' twice"),
        ("path\nred.png\n", {"split": "test"}, "no column 'split'"),
        ("path\n" + "x" * 200_000, {}, "line 2"),
        ("", {}, "no image column"),
        ("path,label\n", {}, "holds no image"),
        (b"path,label\nred.png,caf\xe9\n", {}, "not UTF-8"),
        ("path,label\n".encode("utf-16"), {}, "not UTF-8"),
        ('path,label\n"red.png,a\n', {}, "unexpected end"),
        (",".join(f"column {number}" for number in range(30)), {}, "'column 19', ..."),
    ],
)
def test_tables_that_cannot_be_understood_are_refused(tmp_path, text, options, message):
    with pytest.raises(UsageError, match=message):
        csv_source(tmp_path, text, **options)


def test_a_table_that_cannot_be_read_is_refused(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "list.csv").touch()
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        open_source(tmp_path / "list.csv")


@given(st.text(max_size=60))
def test_no_table_does_more_than_be_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(("path,label\n" + text).encode("utf-8", "surrogatepass"))
    try:
        source = open_source(path)
    except UsageError:
        return
    assert {record.id.partition(":")[0].isdigit() for record in source.records} == {True}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None), ("", None), (float("nan"), None), (3.0, "3"), (3.5, "3.5"), (7, "7"),
        (True, "true"), ("x", "x"), (float("inf"), "inf"),
    ],
)  # fmt: skip
def test_cells_as_text(value, text):
    assert cell_text(value) == text


def parquet_source(tmp_path, columns, group=2, **options):
    for name, data in (("red.png", RED_PNG), ("blue.png", BLUE_PNG)):
        (tmp_path / name).write_bytes(data)
    path = tmp_path / "list.parquet"
    parquet.write_table(pa.table(columns), path, row_group_size=group)
    return open_source(path, **options)


@pytest.mark.parametrize("group", [1, 2, 9])
def test_parquet_with_bytes(tmp_path, group):
    source = parquet_source(
        tmp_path,
        {
            "image": [RED_PNG, BLUE_PNG, None, RED_PNG[:50], BLUE_PNG],
            "label": ["a", None, "c", "d", "e"],
            "score": [1.0, 2.5, float("nan"), None, 3.0],
            "bbox": [[1, 2]] * 5,
        },
        group,
    )
    assert [record.id for record in source.records] == ["1", "2", "3", "4", "5"]
    assert [colour(source.records[index]) for index in (4, 0, 1)] == ["blue", "red", "blue"]
    assert read_code(source.records[2]) == "missing_value"
    assert read_code(source.records[3]) == "truncated"
    assert dict(source.records[0].attributes) == {"score": "1"}
    assert dict(source.records[2].attributes) == {}
    assert source.notes == (
        "1 of 5 images have no label",
        "columns that hold no single values were not read: 'bbox'",
    )


def test_parquet_with_nothing_but_bytes(tmp_path):
    source = parquet_source(tmp_path, {"bytes": pa.array([RED_PNG, BLUE_PNG], pa.large_binary())})
    assert described(source) == [("1", None, "red"), ("2", None, "blue")]


def test_parquet_with_paths(tmp_path):
    source = parquet_source(tmp_path, {"path": ["red.png", None, "blue.png"], "label": [5, 6, 7]})
    assert described(source) == [("1:red.png", "5", "red"), ("3:blue.png", "7", "blue")]
    assert failures_of(source) == [("2", "missing_value")]


def test_parquet_as_hugging_face_writes_it(tmp_path):
    cells = [{"bytes": RED_PNG, "path": "x.png"}, {"bytes": None, "path": "blue.png"}]
    source = parquet_source(tmp_path, {"image": [*cells, {"bytes": None, "path": None}]})
    assert [colour(record) for record in source.records[:2]] == ["red", "blue"]
    assert read_code(source.records[2]) == "missing_value"
    assert source.fingerprint() == source.fingerprint()


def test_parquet_images_of_a_wrong_type_are_refused(tmp_path):
    with pytest.raises(UsageError, match="'image' is int64"):
        parquet_source(tmp_path, {"image": [1, 2]})


def test_a_file_that_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "list.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(UsageError, match="no readable Parquet"):
        open_source(tmp_path / "list.parquet")


def test_a_parquet_file_damaged_later_fails_by_row(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    source = parquet_source(tmp_path, {"image": [encoded(Image.fromarray(noise), "PNG")]})
    path = tmp_path / "list.parquet"
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(5_000) + data[5_004:])
    assert read_code(source.records[0]) == "unreadable"
