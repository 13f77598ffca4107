import pytest
from tests.data.segmentation.trees import (
    code_of,
    failures_of,
    first_labels,
    only,
    write_image,
    write_labels,
)

from seewhy.base.errors import UsageError
from seewhy.data.segmentation.coco_stuff import COCO_STUFF_NAMES, open_coco_stuff

ID = "000000000139"


def build(root, values, name=f"{ID}.png"):
    write_image(root / "images" / "val2017" / f"{ID}.jpg")
    write_labels(root / "annotations" / "val2017" / name, values)


def test_names_are_171_and_each_its_own():
    assert len(set(COCO_STUFF_NAMES)) == len(COCO_STUFF_NAMES) == 171
    assert [COCO_STUFF_NAMES[label] for label in (0, 79, 80, 170)] == [
        "person", "toothbrush", "banner", "wood",
    ]  # fmt: skip


def test_raw_ids_close_their_gaps(tmp_path):
    # Categories less one: stop sign 12, toothbrush 89, banner 91, wood 181.
    build(tmp_path, [0, 12, 89, 91, 181, 255])
    record = only(open_coco_stuff(tmp_path))
    assert first_labels(record, 6) == [0, 11, 79, 80, 170, 255]
    assert record.class_names[11] == "stop sign"


def test_train_ids_are_taken_where_they_are_there(tmp_path):
    build(tmp_path, [0])
    build(tmp_path, [170, 11, 255], name=f"{ID}_labelTrainIds.png")
    assert first_labels(only(open_coco_stuff(tmp_path)), 3) == [170, 11, 255]


@pytest.mark.parametrize(
    ("value", "name"), [(11, f"{ID}.png"), (182, f"{ID}.png"), (171, f"{ID}_labelTrainIds.png")]
)
def test_a_gap_is_no_class(tmp_path, value, name):
    build(tmp_path, [value], name=name)
    assert code_of(only(open_coco_stuff(tmp_path)).read_truth) == "bad_label"


def test_what_is_missing(tmp_path):
    build(tmp_path, [0])
    write_image(tmp_path / "images" / "val2017" / "000000000140.jpg")
    assert failures_of(open_coco_stuff(tmp_path)) == [("000000000140", "missing_mask")]
    with pytest.raises(UsageError, match="no folder 'images/train2017'"):
        open_coco_stuff(tmp_path, split="train2017")
