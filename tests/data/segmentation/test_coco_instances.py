import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.data.segmentation.trees import code_of, failures_of, only, write_image, write_text

from seewhy.base.errors import UsageError
from seewhy.data.images import ReadPolicy
from seewhy.data.segmentation.coco_instances import open_coco_instances

CATEGORIES = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}]
LEFT = [[0, 0, 2, 0, 2, 3, 0, 3]]


def image(number, **changes):
    return {"id": number, "file_name": f"{number:012d}.jpg", "width": 4, "height": 3, **changes}


def thing(segmentation, category=1, number=139):
    return {"image_id": number, "category_id": category, "segmentation": segmentation}


def build(root, annotations=(), images=None, **changes):
    write_image(root / "val2017" / "000000000139.jpg")
    document = {
        "images": [image(139)] if images is None else images,
        "annotations": list(annotations),
        "categories": CATEGORIES,
        **changes,
    }
    write_text(root / "annotations" / "instances_val2017.json", json.dumps(document))
    return root


def test_things_of_a_class_are_one_mask_and_classes_may_overlap(tmp_path):
    runs = {"size": [3, 4], "counts": [9, 3]}
    annotations = [thing(LEFT), thing(runs) | {"iscrowd": 1}, thing(LEFT, category=90)]
    record = only(open_coco_instances(build(tmp_path, annotations)))
    truth = record.example().truth
    assert (record.id, record.class_names) == ("000000000139", ("person", "toothbrush"))
    assert truth.present == (0, 1)
    assert_array_equal(truth.mask(0), np.tile([1, 1, 0, 1], (3, 1)))
    assert_array_equal(truth.mask(1), np.tile([1, 1, 0, 0], (3, 1)))


def test_packed_runs_and_images_without_things(tmp_path):
    annotations = [thing({"size": [3, 4], "counts": "93"}), thing([[0, 0, 0, 0, 0, 0]], 90)]
    truth = only(open_coco_instances(build(tmp_path, annotations))).example().truth
    # What covers no pixel is not present.
    assert truth.present == (0,)
    assert truth.mask(0).sum() == 3
    assert only(open_coco_instances(build(tmp_path))).example().truth.present == ()


@pytest.mark.parametrize(
    ("annotation", "code"),
    [
        (thing(LEFT, category=2), "bad_label"),
        (thing("text"), "bad_mask"),
        ({"image_id": 139}, "bad_mask"),
        (thing([[0, 0, 1, 1]]), "bad_mask"),
        (thing([[0, 0, 1, 1, 2]]), "bad_mask"),
        (thing([[0, 0, 1, 1, 2, 1e300]]), "bad_mask"),
        (thing([[0, 0, 1, 1, 2, float("nan")]]), "bad_mask"),
        (thing({"size": [4, 3], "counts": [12]}), "bad_mask"),
        (thing({"size": [3, 4], "counts": [11]}), "bad_mask"),
    ],
)
def test_a_broken_annotation_costs_its_image_alone(tmp_path, annotation, code):
    write_image(tmp_path / "val2017" / "000000000140.jpg")
    annotations = [annotation, thing(LEFT, number=140)]
    source = open_coco_instances(build(tmp_path, annotations, images=[image(139), image(140)]))
    broken, good = source.records
    assert code_of(broken.read_truth) == code
    assert good.example().truth.present == (0,)


def test_images_that_are_not_there_or_not_whole(tmp_path):
    images = [image(139), image(7), {"id": 8}, image(9, file_name="../up.jpg")]
    source = open_coco_instances(build(tmp_path, [thing(LEFT), {"id": 3}], images=images))
    assert failures_of(source) == [
        ("000000000007", "missing"), ("image 2", "bad_row"), ("../up", "outside"),
    ]  # fmt: skip
    assert source.notes == ("1 annotations name no image and were skipped",)


def test_sizes_are_checked_before_anything_is_drawn(tmp_path):
    build(tmp_path, [thing(LEFT)], images=[image(139, width=40_000, height=30_000)])
    assert code_of(only(open_coco_instances(tmp_path)).read_truth) == "too_large"
    build(tmp_path, [thing(LEFT)], images=[image(139, width=5)])
    record = only(open_coco_instances(tmp_path, policy=ReadPolicy()))
    assert code_of(record.example) == "size_mismatch"


def test_files_that_are_no_coco_file(tmp_path):
    path = build(tmp_path) / "annotations" / "instances_val2017.json"
    for text in ("{", "[]", '{"images": []}', '{"images": 1, "annotations": 2, "categories": 3}'):
        write_text(path, text)
        with pytest.raises(UsageError, match="is no COCO file"):
            open_coco_instances(tmp_path)
    with pytest.raises(UsageError, match=r"category without id or name: 0\.name"):
        open_coco_instances(build(tmp_path, categories=[{"id": 1}]))
    path.unlink()
    with pytest.raises(UsageError, match="not complete without it"):
        open_coco_instances(tmp_path)
    with pytest.raises(UsageError, match="holds 'train2017'"):
        open_coco_instances(tmp_path, split="train2017")
