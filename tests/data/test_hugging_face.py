import re

import datasets
import pyarrow as pa
import pytest
from tests.data.pictures import (
    BLUE_PNG,
    RED_PNG,
    colour,
    described,
    read_code,
)

from seewhy.base.errors import UsageError
from seewhy.data.sources import open_source


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
