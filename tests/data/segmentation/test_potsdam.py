import numpy as np
import pytest
from PIL import Image
from tests.data.segmentation.trees import code_of, only, write_image, write_labels

from seewhy.base.errors import UsageError
from seewhy.data.segmentation.potsdam import POTSDAM_NAMES, open_potsdam

WHITE, BLUE, CYAN, GREEN, YELLOW, RED, BLACK = (
    (255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0), (0, 0, 0),
)  # fmt: skip


def build(root, colours):
    write_image(root / "img_dir" / "val" / "2_13_0_0_512_512.png", size=(len(colours), 1))
    path = root / "ann_dir" / "val" / "2_13_0_0_512_512.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([colours], dtype=np.uint8)).save(path)
    return path


def test_colours_are_the_six_classes(tmp_path):
    build(tmp_path, [WHITE, BLUE, CYAN, GREEN, YELLOW, RED, BLACK])
    record = only(open_potsdam(tmp_path))
    assert record.example().truth.labels.tolist() == [[0, 1, 2, 3, 4, 5, 255]]
    assert record.class_names == POTSDAM_NAMES
    assert POTSDAM_NAMES[3:5] == ("tree", "car")


def test_converted_maps_count_from_one(tmp_path):
    path = build(tmp_path, [WHITE])
    write_labels(path, [0, 1, 6, 255])
    assert only(open_potsdam(tmp_path)).read_truth().labels.ravel()[:4].tolist() == [255, 0, 5, 255]


def test_other_colours_and_roots(tmp_path):
    build(tmp_path, [WHITE, (1, 2, 3)])
    assert code_of(only(open_potsdam(tmp_path)).read_truth) == "bad_label"
    with pytest.raises(UsageError, match="no folder 'img_dir/test'"):
        open_potsdam(tmp_path, split="test")
