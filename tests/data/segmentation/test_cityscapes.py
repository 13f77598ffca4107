import pytest
from tests.data.segmentation.trees import (
    failures_of,
    first_labels,
    only,
    write_image,
    write_labels,
)

from seewhy.base.errors import UsageError
from seewhy.data.segmentation.cityscapes import CITYSCAPES_NAMES, open_cityscapes

STEM = "ulm_000001_000019"
IDS = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24]


def build(root, stem=STEM):
    city = stem.split("_")[0]
    write_image(root / "leftImg8bit" / "val" / city / f"{stem}_leftImg8bit.png")
    return root / "gtFine" / "val" / city


@pytest.mark.parametrize(
    ("stored", "meant"),
    [
        (IDS, range(12)),
        ([25, 26, 27, 28, 31, 32, 33], range(12, 19)),
        ([0, 6, 9, 10, 14, 16, 18, 29, 30, 255], [255] * 10),
    ],
)
def test_ids_become_the_nineteen_classes(tmp_path, stored, meant):
    write_labels(build(tmp_path) / f"{STEM}_gtFine_labelIds.png", stored)
    record = only(open_cityscapes(tmp_path))
    assert record.id == STEM
    assert first_labels(record, len(stored)) == list(meant)
    assert len(set(record.class_names)) == 19
    assert CITYSCAPES_NAMES[13] == "car"


def test_train_ids_are_taken_where_they_are_there(tmp_path):
    folder = build(tmp_path)
    write_labels(folder / f"{STEM}_gtFine_labelIds.png", [7])
    write_labels(folder / f"{STEM}_gtFine_labelTrainIds.png", [18, 255])
    assert first_labels(only(open_cityscapes(tmp_path)), 2) == [18, 255]


def test_images_without_truth_and_other_files(tmp_path):
    write_labels(build(tmp_path) / f"{STEM}_gtFine_labelIds.png", [7])
    build(tmp_path, "bonn_000000_000019")
    write_image(tmp_path / "leftImg8bit" / "val" / "ulm" / "overview.png")
    source = open_cityscapes(tmp_path)
    assert only(source).id == STEM
    assert failures_of(source) == [("bonn_000000_000019", "missing_mask")]
    with pytest.raises(UsageError, match="no folder 'leftImg8bit/train'"):
        open_cityscapes(tmp_path, split="train")
