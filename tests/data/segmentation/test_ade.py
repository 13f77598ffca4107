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
from seewhy.data.segmentation.ade import ADE_NAMES, open_ade

FOLDER = "ADEChallengeData2016"


def build(root, values):
    write_image(root / FOLDER / "images" / "validation" / "ADE_val_00000001.jpg")
    truths = root / FOLDER / "annotations" / "validation"
    write_labels(truths / "ADE_val_00000001.png", values)


def test_classes_count_from_one_and_zero_is_ignored(tmp_path):
    build(tmp_path, [0, 1, 13, 150])
    record = only(open_ade(tmp_path))
    assert first_labels(record, 4) == [255, 0, 12, 149]
    assert record.class_names == ADE_NAMES
    assert (len(ADE_NAMES), ADE_NAMES[12], ADE_NAMES[149]) == (150, "person", "flag")


def test_what_is_missing_or_unknown(tmp_path):
    build(tmp_path, [151])
    write_image(tmp_path / FOLDER / "images" / "validation" / "ADE_val_00000002.jpg")
    source = open_ade(tmp_path)
    assert code_of(only(source).read_truth) == "bad_label"
    assert failures_of(source) == [("ADE_val_00000002", "missing_mask")]
    with pytest.raises(UsageError, match="holds 'ADEChallengeData2016'"):
        open_ade(tmp_path / FOLDER)
