from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from tests.data.segmentation.trees import code_of, failures_of, only, write_image

from seewhy.base.errors import UsageError
from seewhy.data.images import DEFAULT_POLICY
from seewhy.data.records import Failure
from seewhy.data.segmentation.records import (
    ClassMasks,
    LabelledRecord,
    LabelMap,
    Place,
    Tags,
    list_places,
)

LABELS = np.array([[0, 2, 255], [2, 7, 0]], dtype=np.uint8)


def same(truth):
    return truth


def test_a_label_map_knows_its_classes_and_what_is_open():
    truth = LabelMap(LABELS, background=0)
    assert (truth.size, truth.present) == ((3, 2), (2, 7))
    assert LabelMap(LABELS).present == (0, 2, 7)
    assert_array_equal(truth.counted, [[1, 1, 0], [1, 1, 1]])
    assert_array_equal(truth.mask(2), [[0, 1, 0], [1, 0, 0]])


def test_masks_of_classes_may_overlap_and_are_empty_where_there_is_none():
    both = np.array([[True, False, False]])
    truth = ClassMasks((3, 1), {4: both, 1: ~both})
    assert truth.present == (1, 4)
    assert truth.counted.all()
    assert truth.counted.shape == (1, 3)
    assert_array_equal(truth.mask(4), both)
    assert not truth.mask(0).any()


def record_of(truth, size=(3, 2)):
    return LabelledRecord("a", partial(Image.new, "RGB", size), partial(same, truth), ("x",))


def test_an_example_has_both_and_their_sizes_agree():
    example = record_of(LabelMap(LABELS)).example()
    assert (example.image.size, example.truth.size) == ((3, 2), (3, 2))
    turned = record_of(LabelMap(LABELS), size=(2, 3))
    assert code_of(turned.example) == "size_mismatch"
    # Tags have no size.
    assert record_of(Tags((1,)), size=(9, 9)).example().truth.present == (1,)


def place(root, name, **files):
    return Place(
        name,
        files.get("image", root / "a.png"),
        partial(same, Tags(())),
        **{key: value for key, value in files.items() if key == "truth"},
    )


def listed(places):
    return list_places("set", places, class_names=["x"], policy=DEFAULT_POLICY)


def test_what_is_not_there_is_a_failure_and_costs_the_others_nothing(tmp_path):
    write_image(tmp_path / "a.png")
    source = listed(
        [
            place(tmp_path, "no-image", image=tmp_path / "b.png"),
            place(tmp_path, "no-mask", truth=tmp_path / "c.png"),
            place(tmp_path, "../up"),
            place(tmp_path, "/etc/up"),
            Failure("broken", "bad_row", "it is broken."),
            place(tmp_path, "good", truth=tmp_path / "a.png"),
            place(tmp_path, "good"),
        ]
    )
    assert only(source).id == "good"
    assert only(source).example().image.size == (4, 3)
    assert failures_of(source) == [
        ("no-image", "missing"),
        ("no-mask", "missing_mask"),
        ("../up", "outside"),
        ("/etc/up", "outside"),
        ("broken", "bad_row"),
    ]
    assert source.notes == ("1 ids come more than once; the first of each is taken",)


def test_a_source_without_records_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"set has no image with its truth\."):
        listed([])
    with pytest.raises(UsageError, match=r"the first of 1: .*a\.png' does not exist"):
        listed([place(tmp_path, "gone")])


def test_a_name_that_the_system_refuses_is_left_to_reading(tmp_path):
    source = listed([place(tmp_path, "long", image=tmp_path / ("n" * 300))])
    assert code_of(only(source).read) == "unreadable"
