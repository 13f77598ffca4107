import gzip
import os
import re
import struct
from pathlib import Path
from types import SimpleNamespace

import datasets
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image
from pyarrow import parquet
from tests.data.hostile import build_hostile_folder, encoded
from torch.utils.data import Dataset, IterableDataset, TensorDataset

import seewhy
from seewhy.base.errors import DataError, UsageError
from seewhy.data import folders, idx
from seewhy.data.images import NOTES_KEY, ReadPolicy
from seewhy.data.listing import cell_text
from seewhy.data.records import ImageRecord
from seewhy.data.sources import ImageSource, open_source

RED, BLUE = Image.new("RGB", (5, 6), (250, 0, 0)), Image.new("RGB", (5, 6), (0, 0, 250))
RED_PNG, BLUE_PNG = encoded(RED, "PNG"), encoded(BLUE, "PNG")


def colour(record):
    return {(250, 0, 0): "red", (0, 0, 250): "blue"}[record.read().getpixel((0, 0))]


def described(source):
    return [(record.id, record.label, colour(record)) for record in source.records]


def read_code(record):
    with pytest.raises(DataError) as caught:
        record.read()
    return caught.value.code


def failures_of(source):
    return [(failure.id, failure.code) for failure in source.failures]


@pytest.fixture
def classes(tmp_path):
    """Two class folders, each with one image."""
    root = tmp_path / "photos"
    for name, data in (("cats", RED_PNG), ("dogs", BLUE_PNG)):
        (root / name / "deep").mkdir(parents=True)
        (root / name / "deep" / "1.png").write_bytes(data)
    return root


# Folders


def test_class_folders_give_labels_and_stable_ids(classes):
    source = open_source(classes)
    expected = [("cats/deep/1.png", "cats", "red"), ("dogs/deep/1.png", "dogs", "blue")]
    assert described(source) == described(open_source(str(classes))) == expected
    assert (source.failures, source.notes, source.name) == ((), (), classes.as_posix())


def test_a_flat_folder_has_no_labels(tmp_path):
    for name in ("b", "a", "C"):
        (tmp_path / name).write_bytes(RED_PNG)
    source = open_source(tmp_path)
    assert [record.id for record in source.records] == ["C", "a", "b"]
    assert {record.label for record in source.records} == {None}
    assert source.notes == ("2 duplicate images, such as 'C' = 'a' = 'b'",)


def test_the_hostile_folder_is_survived(tmp_path):
    folder = build_hostile_folder(tmp_path)
    assert sum(path.lstat().st_size for path in folder.root.iterdir()) < 2_000_000
    source = open_source(folder.root)
    assert {f.id: f.code for f in source.failures} == folder.unlisted
    found, codes = {}, {}
    for record in source.records:
        try:
            found[record.id] = record.read().info.get(NOTES_KEY, ())
        except DataError as error:
            codes[record.id] = error.code
    assert found == folder.fine
    assert codes == folder.unusable
    assert source.notes[0] == f"{folder.hidden} hidden files skipped"
    assert source.notes[1].startswith(f"{folder.sidecars} files skipped")
    assert "copy of photo.jpeg" in source.notes[2]


def test_all_that_a_hostile_folder_says_can_be_stored(tmp_path):
    source = open_source(build_hostile_folder(tmp_path).root)
    words = [*source.notes, *(record.id for record in source.records)]
    words += [text for failure in source.failures for text in (failure.id, failure.message)]
    assert pa.array(words).to_pylist() == words
    assert len(source.fingerprint()) == 64


def test_files_that_vanish_or_close_fail_when_read(classes, monkeypatch):
    first, second = open_source(classes).records
    (classes / first.id).unlink()
    assert read_code(first) == "missing"

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert read_code(second) == "denied"


def test_folders_that_cannot_be_entered_are_failures(classes, monkeypatch):
    listed = Path.iterdir

    def refuse(self):
        if self.name == "deep" and self.parent.name == "dogs":
            raise PermissionError(13, "Permission denied")
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    source = open_source(classes)
    assert failures_of(source) == [("dogs/deep", "denied")]
    assert len(source.records) == 1


def test_a_data_folder_that_cannot_be_entered_is_refused(classes, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UsageError, match="may not be read"):
        open_source(classes)


def test_files_that_vanish_while_listing(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(RED_PNG)
    (tmp_path / "b.png").write_bytes(RED_PNG)
    real = folders._size

    def vanishing(path):
        size = real(path)
        if path.name == "b.png":
            path.unlink()
        return size

    monkeypatch.setattr(folders, "_size", vanishing)
    source = open_source(tmp_path)
    assert source.notes == ()
    assert read_code(source.records[1]) == "missing"
    assert real(tmp_path / "b.png") == 0


def test_too_many_bytes_are_not_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_COMPARED_BYTES", 2 * len(RED_PNG) - 1)
    (tmp_path / "a.png").write_bytes(RED_PNG)
    (tmp_path / "b.png").write_bytes(RED_PNG)
    assert open_source(tmp_path).notes == (
        "duplicate images were not looked for: too many bytes to compare",
    )


def test_splits_are_chosen_not_mistaken_for_classes(classes):
    classes.rename(classes.with_name("train"))
    root = classes.parent
    with pytest.raises(UsageError, match="train"):
        open_source(root)
    assert [record.label for record in open_source(root, split="train").records] == ["cats", "dogs"]
    with pytest.raises(UsageError, match=r"'test'.*'train'"):
        open_source(root, split="test")


@pytest.mark.parametrize("name", ["nowhere", "empty", "notes"])
def test_places_without_images_are_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "list.csv").touch()
    with pytest.raises(UsageError, match=name):
        open_source(tmp_path / name)


def test_a_folder_of_nothing_but_failures_says_why(tmp_path):
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(UsageError, match="1 failed, the first: link"):
        open_source(tmp_path)


# Manifests


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


# IDX


def idx_bytes(values):
    magic = struct.pack(">HBB", 0, 8, values.ndim)
    return magic + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


DIGITS = np.random.default_rng(7).integers(0, 256, (3, 5, 4), dtype=np.uint8)
LABELS = np.array([7, 2, 1], dtype=np.uint8)


IMAGES_FILE, LABELS_FILE = idx_bytes(DIGITS), idx_bytes(LABELS)


def write_idx(folder, images=IMAGES_FILE, labels=LABELS_FILE, prefix="train", end=""):
    pack = gzip.compress if end else bytes
    path = folder / f"{prefix}-images-idx3-ubyte{end}"
    path.write_bytes(pack(images))
    if labels is not None:
        (folder / f"{prefix}-labels-idx1-ubyte{end}").write_bytes(pack(labels))
    return path


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_files_give_every_pixel_and_label(tmp_path, end):
    path = write_idx(tmp_path, end=end)
    for source in (open_source(path), open_source(tmp_path)):
        assert [(record.id, record.label) for record in source.records] == [
            ("0", "7"),
            ("1", "2"),
            ("2", "1"),
        ]
        for record, expected in zip(source.records, DIGITS, strict=True):
            assert_array_equal(np.asarray(record.read())[:, :, 1], expected)
        assert source.notes == ()


def test_idx_splits_and_missing_labels(tmp_path):
    write_idx(tmp_path)
    write_idx(tmp_path, end=".gz")
    write_idx(tmp_path, idx_bytes(DIGITS[:1]), labels=None, prefix="t10k")
    test = open_source(tmp_path, split="test")
    assert len(test.records) == 1
    assert test.records[0].label is None
    assert test.notes == ("no labels beside 't10k-images-idx3-ubyte'",)
    assert len(open_source(tmp_path, split="train").records) == 3
    for split in (None, "validation"):
        with pytest.raises(UsageError, match="'train' or 'test'"):
            open_source(tmp_path, split=split)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (idx_bytes(DIGITS)[:-1], None, "announces 60 bytes.*holds 59"),
        (idx_bytes(DIGITS) + b"x", None, "more than 60"),
        (idx_bytes(DIGITS)[:9], None, "no IDX file"),
        (b"\0\0\x08\x03" + b"\xff" * 12, None, "at most 2 GiB"),
        (b"\0\0\x08\x03" + struct.pack(">III", 2**20, 20, 20), None, "holds 0"),
        (idx_bytes(DIGITS), idx_bytes(LABELS[:2]), "2 labels for 3 images"),
        (idx_bytes(DIGITS), b"junk", "no IDX file"),
        (idx_bytes(DIGITS[:0]), None, "holds no image"),
    ],
)
def test_idx_headers_that_lie_are_refused(tmp_path, images, labels, message):
    path = write_idx(tmp_path, images, labels)
    with pytest.raises(UsageError, match=message):
        open_source(path)


def test_a_cut_gzip_file_is_refused(tmp_path):
    path = write_idx(tmp_path, end=".gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UsageError, match="cannot be read"):
        open_source(path)


def test_idx_strips_are_out_of_limits(tmp_path):
    path = write_idx(tmp_path, idx_bytes(np.zeros((2, 1, 50), dtype=np.uint8)), None)
    with pytest.raises(DataError, match="strip"):
        open_source(path)


def test_other_files_are_no_idx(tmp_path):
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8bxx")
    (tmp_path / "photo.png").write_bytes(RED_PNG)
    for name in ("broken.gz", "photo.png"):
        with pytest.raises(UsageError, match="none of these"):
            open_source(tmp_path / name)
    os.mkfifo(tmp_path / "pipe-idx3")
    assert not idx.is_idx(tmp_path / "pipe-idx3")


# Datasets of torch


class Items(Dataset):
    """A list as a Dataset; an exception in it is raised."""

    def __init__(self, items, **attributes):
        self.items = items
        self.fetched = []
        self.__dict__.update(attributes)

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        self.fetched.append(index)
        if isinstance(self.items[index], Exception):
            raise self.items[index]
        return self.items[index]


def as_tensor(image):
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


@pytest.mark.parametrize(
    "convert",
    [
        lambda image: image,
        lambda image: encoded(image, "PNG"),
        np.array,
        as_tensor,
        lambda image: as_tensor(image).float() / 255,
        lambda image: as_tensor(image).to(torch.bfloat16) / 255,
        lambda image: np.array(image) / 255,
        lambda image: np.dstack([np.array(image), np.full((6, 5), 255, "u1")]),
    ],
)
def test_images_of_every_kind_come_out_alike(convert):
    source = open_source(Items([(convert(RED), 0), (convert(BLUE), 1)]))
    assert described(source) == [("0", "0", "red"), ("1", "1", "blue")]
    assert source.name == "Items"


def test_paths_are_images_too(tmp_path):
    (tmp_path / "red").write_bytes(RED_PNG)
    source = open_source(Items([tmp_path / "red", str(tmp_path / "red")]))
    assert described(source) == [("0", None, "red"), ("1", None, "red")]


@pytest.mark.parametrize("shape", [(7, 9), (1, 7, 9), (7, 9, 1)])
def test_grey_arrays(shape):
    grey = np.arange(63, dtype=np.uint8).reshape(shape)
    (record,) = open_source(Items([grey])).records
    assert_array_equal(np.asarray(record.read())[:, :, 2], grey.reshape(7, 9))


def test_a_tensor_dataset():
    images = torch.stack([as_tensor(RED), as_tensor(BLUE)])
    assert described(open_source(TensorDataset(images))) == [
        ("0", None, "red"),
        ("1", None, "blue"),
    ]
    assert described(open_source(TensorDataset(images, torch.tensor([4, 9])))) == [
        ("0", "4", "red"),
        ("1", "9", "blue"),
    ]


def test_dictionaries_give_attributes():
    items = [
        {"img": RED, "label": "cat", "age": np.int64(3), "box": torch.zeros(4), "old": None},
        {"img": BLUE, "label": torch.tensor(1), "age": 2.5, "box": torch.zeros(4)},
    ]
    source = open_source(Items(items))
    assert described(source) == [("0", "cat", "red"), ("1", "1", "blue")]
    assert [dict(record.attributes) for record in source.records] == [{"age": "3"}, {"age": "2.5"}]
    named = open_source(Items(items), image_column="img", label_column="age", id_column="label")
    assert described(named) == [("cat", "3", "red"), ("1", "2.5", "blue")]


def test_items_that_fail_are_rows():
    items = [RuntimeError("first"), (RED, 0), ValueError("third"), (BLUE, 5)]
    source = open_source(Items(items, classes=["zero"]))
    assert described(source) == [("1", "zero", "red")]
    assert failures_of(source) == [("0", "unreadable"), ("2", "unreadable"), ("3", "bad_label")]
    assert "RuntimeError: first" in source.failures[0].message
    missing = open_source(Items([{"image": RED}, {"other": BLUE}]))
    assert failures_of(missing) == [("1", "missing_value")]


def test_targets_spare_a_pass():
    data = Items([(RED, 1), (BLUE, 0)], targets=[1, 0], classes=["no", "yes"])
    source = open_source(data)
    assert data.fetched == [0, 0]
    assert described(source) == [("0", "yes", "red"), ("1", "no", "blue")]


@pytest.mark.parametrize("targets", [[0, 1], [1], torch.tensor([0, 0]), "10", None])
def test_targets_that_disagree_are_not_believed(targets):
    source = open_source(Items([(RED, 1), (BLUE, 0)], targets=targets))
    assert [record.label for record in source.records] == ["1", "0"]


def test_targets_without_a_first_item_are_not_believed():
    source = open_source(Items([OSError("gone"), (BLUE, 0)], targets=[1, 0]))
    assert failures_of(source) == [("0", "unreadable")]


def test_a_data_set_that_breaks_later_fails_by_row():
    data = Items([(RED, 0), (BLUE, 1)])
    source = open_source(data)
    data.items[1] = KeyError("gone")
    assert read_code(source.records[1]) == "unreadable"
    data.items[1] = (torch.full((3, 6, 5), torch.nan), 1)
    assert read_code(source.records[1]) == "non_finite"
    data.items[1] = (torch.zeros(3, 1, 60), 1)
    assert read_code(source.records[1]) == "aspect_ratio"


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ((RED, 0, "more"), "sequence of 3"),
        ((), "sequence of 0"),
        (np.zeros((3, 50, 3), dtype=np.uint8), r"shape \(3, 50, 3\)"),
        (torch.zeros(2, 50, 50), r"shape \(2, 50, 50\)"),
        (torch.zeros(1, 3, 50, 50), r"shape \(1, 3, 50, 50\)"),
        (torch.randn(3, 50, 50, generator=torch.Generator().manual_seed(0)), "normalised"),
        (torch.zeros(3, 50, 50, dtype=torch.int64), "array of int64"),
        (object(), "object"),
        ({"x": RED}, "no image column among 'x'"),
    ],
)
def test_items_that_could_mean_several_things_are_refused(item, message):
    with pytest.raises(UsageError, match=message):
        open_source(Items([item]))


class Stream(IterableDataset):
    def __iter__(self):
        yield RED


@pytest.mark.parametrize(
    "data", [Stream(), {"image": RED}, [RED], 7, None, b"", [], Items([]), object()]
)
def test_other_objects_are_refused(data):
    with pytest.raises(UsageError):
        open_source(data)


def test_a_data_set_has_no_splits():
    with pytest.raises(UsageError, match="leave `split` out"):
        open_source(Items([RED]), split="test")


# Hugging Face datasets


def hub_data(**more):
    features = datasets.Features(
        {
            "picture": datasets.Image(),
            "label": datasets.ClassLabel(names=["cat", "dog"]),
            "boxes": datasets.Sequence(datasets.Value("int64")),
            "age": datasets.Value("float32"),
            **{name: datasets.Image() for name in more},
        }
    )
    pictures = [RED_PNG, b"not an image", BLUE_PNG, None]
    columns = {
        "picture": [{"bytes": data, "path": None} for data in pictures[:3]] + [None],
        "label": [1, 0, -1, None],
        "boxes": [[1], [], [2, 3], []],
        "age": [1.5, None, 2.0, 3.0],
    }
    return datasets.Dataset.from_dict({**columns, **more}, features=features)


def check_hub(source):
    assert [(record.id, record.label) for record in source.records] == [
        ("0", "dog"),
        ("1", "cat"),
        ("2", None),
        ("3", None),
    ]
    assert [dict(record.attributes) for record in source.records] == [
        {"age": "1.5"}, {}, {"age": "2"}, {"age": "3"},
    ]  # fmt: skip
    assert (colour(source.records[0]), colour(source.records[2])) == ("red", "blue")
    assert read_code(source.records[1]) == "unidentified"
    assert read_code(source.records[3]) == "missing_value"


def test_a_hugging_face_data_set_fails_by_row_only():
    check_hub(open_source(hub_data()))


def test_a_hugging_face_data_set_keeps_its_format():
    data = hub_data().with_format("torch")
    check_hub(open_source(data))
    assert data.format["type"] == "torch"


def test_a_hugging_face_data_set_on_disk(tmp_path):
    hub_data().save_to_disk(tmp_path / "one")
    check_hub(open_source(f"hf:{tmp_path / 'one'}"))
    splits = datasets.DatasetDict({"train": hub_data(), "test": hub_data().select([0])})
    splits.save_to_disk(tmp_path / "two")
    check_hub(open_source(f"hf:{tmp_path / 'two'}", split="train"))
    assert len(open_source(splits, split="test").records) == 1
    check_hub(open_source(datasets.DatasetDict({"only": hub_data()})))
    with pytest.raises(UsageError, match="'train', 'test'"):
        open_source(splits)


@pytest.mark.parametrize("name", ["hf:mnist", "hf:/nowhere"])
def test_nothing_comes_from_the_hub(name):
    with pytest.raises(UsageError, match="no data set on this disk"):
        open_source(name)


def test_several_image_columns_need_a_choice():
    data = hub_data(other=[{"bytes": BLUE_PNG, "path": None}] * 4)
    with pytest.raises(UsageError, match="'picture', 'other'"):
        open_source(data)
    assert colour(open_source(data, image_column="other").records[0]) == "blue"


def test_hugging_face_paths_and_nothing_else(tmp_path):
    (tmp_path / "red.png").write_bytes(RED_PNG)
    data = datasets.Dataset.from_dict({"path": [str(tmp_path / "red.png")]})
    assert described(open_source(data)) == [("0", None, "red")]


def test_hugging_face_streams_are_refused():
    with pytest.raises(UsageError, match="IterableDataset"):
        open_source(hub_data().to_iterable_dataset())


def test_a_damaged_hugging_face_table_fails_by_row(monkeypatch):
    source = open_source(hub_data())

    def broken(self, index):
        raise pa.ArrowInvalid("damaged")

    monkeypatch.setattr(datasets.Dataset, "__getitem__", broken)
    assert read_code(source.records[0]) == "unreadable"


def test_a_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(UsageError, match=re.escape("pip install 'seewhy[datasets]'")):
        open_source("hf:somewhere")


# Records, and what all sources share


def record(identity, image=RED, **more):
    return ImageRecord(identity, lambda: image, **more)


def test_records_and_sources_pass_through():
    records = [record("a"), record("b")]
    source = open_source(records)
    assert source.records is records
    assert open_source(source) is source
    with pytest.raises(UsageError, match="'a'"):
        open_source([record("a"), record("a")])


def test_fingerprints_see_content_not_order(classes):
    source = open_source(classes)
    turned = ImageSource("other", source.records[::-1])
    assert source.fingerprint() == turned.fingerprint() == open_source(classes).fingerprint()
    before = source.fingerprint()
    (classes / "cats" / "deep" / "1.png").write_bytes(BLUE_PNG)
    assert source.fingerprint() != before


def test_fingerprints_see_labels_attributes_pixels_and_faults():
    def broken():
        raise DataError("corrupt", "x")

    variants = [
        record("a"),
        record("b"),
        record("a", BLUE),
        record("a", RED.transpose(Image.Transpose.ROTATE_90)),
        record("a", label="x"),
        record("a", attributes={"label": "x"}),
        ImageRecord("a", broken),
    ]
    prints = {ImageSource("s", [each]).fingerprint() for each in variants}
    assert len(prints) == len(variants)


def test_one_policy_holds_for_all_sources(tmp_path):
    policy = ReadPolicy(max_pixels=20)
    (tmp_path / "red.png").write_bytes(RED_PNG)
    (tmp_path / "list.csv").write_text("path\nred.png\n")
    table = datasets.Dataset.from_dict({"path": [str(tmp_path / "red.png")]})
    for data in (tmp_path, tmp_path / "list.csv", table, Items([RED]), Items([np.array(RED)])):
        (only,) = open_source(data, policy=policy).records
        assert read_code(only) == "too_large"


def test_every_code_and_note_is_documented():
    root = Path(seewhy.__file__).parent
    page = (root.parents[1] / "docs" / "failures.md").read_text(encoding="utf-8")
    texts = [path.read_text(encoding="utf-8") for path in root.rglob("*.py")]
    used = {
        code
        for text in texts
        for code in re.findall(
            r'(?:DataError\(\s*|Failure\([^"\n]*, |code, reason = )"([a-z_]+)"', text
        )
    }
    assert {"truncated", "bad_row", "too_many_failures", "non_finite"} <= used
    missing = {code for code in used if f"| `{code}` |" not in page}
    assert missing == set()


def test_names_of_the_environment_do_not_matter():
    fake = SimpleNamespace(__len__=lambda: 1)
    with pytest.raises(UsageError, match="SimpleNamespace"):
        open_source(fake)
