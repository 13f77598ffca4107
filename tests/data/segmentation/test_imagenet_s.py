import numpy as np
import pytest
from PIL import Image
from tests.data.segmentation.trees import code_of, failures_of, only, write_image, write_labels

from seewhy.base.errors import UsageError
from seewhy.data.segmentation.imagenet_s import open_imagenet_s

FOLDER = "ImageNetS50"
WNIDS = [f"n{number:08d}" for number in range(50)]


def build(root, values, wnids=WNIDS):
    for wnid in wnids:
        (root / FOLDER / "validation" / wnid).mkdir(parents=True)
    write_image(root / FOLDER / "validation" / WNIDS[6] / "val_1.JPEG", size=(len(values), 1))
    path = root / FOLDER / "validation-segmentation" / WNIDS[6] / "val_1.png"
    path.parent.mkdir(parents=True)
    stored = np.array([[[value % 256, value // 256, 0] for value in values]], dtype=np.uint8)
    Image.fromarray(stored).save(path)
    return path


def test_labels_lie_in_red_and_green_and_count_the_folders(tmp_path):
    build(tmp_path, [0, 7, 50, 1000])
    record = only(open_imagenet_s(tmp_path, names={WNIDS[6]: "hen"}))
    truth = record.example().truth
    assert record.id == f"{WNIDS[6]}/val_1"
    assert truth.labels.tolist() == [[0, 7, 50, 255]]
    assert truth.present == (7, 50)
    assert [record.class_names[label] for label in (0, 1, 7, 50)] == [
        "other", WNIDS[0], "hen", WNIDS[49],
    ]  # fmt: skip


def test_a_class_that_is_missing_would_shift_the_labels(tmp_path):
    build(tmp_path, [1], wnids=WNIDS[:7])
    with pytest.raises(UsageError, match="has 7 folders of classes; labels count all 50"):
        open_imagenet_s(tmp_path)


def test_what_is_missing_or_wrong(tmp_path):
    path = build(tmp_path, [51])
    write_image(tmp_path / FOLDER / "validation" / WNIDS[0] / "val_2.JPEG")
    source = open_imagenet_s(tmp_path)
    assert failures_of(source) == [(f"{WNIDS[0]}/val_2", "missing_mask")]
    assert code_of(only(source).read_truth) == "bad_label"
    write_labels(path, [1])
    assert code_of(only(source).read_truth) == "bad_mask"
    with pytest.raises(UsageError, match="ImageNetS50/test"):
        open_imagenet_s(tmp_path, split="test")
