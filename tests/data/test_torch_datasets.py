import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from tests.data.hostile import encoded
from tests.data.pictures import (
    BLUE,
    RED,
    RED_PNG,
    Items,
    described,
    failures_of,
    read_code,
)
from torch.utils.data import IterableDataset, TensorDataset

from seewhy.base.errors import UsageError
from seewhy.data.sources import open_source


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
