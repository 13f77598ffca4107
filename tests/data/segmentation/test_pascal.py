import pytest
from tests.data.segmentation.trees import (
    code_of,
    failures_of,
    first_labels,
    only,
    write_image,
    write_labels,
    write_text,
)

from seewhy.base.errors import UsageError
from seewhy.data.segmentation.pascal import CONTEXT_NAMES, VOC_NAMES, open_context, open_voc

LAYOUTS = {
    open_voc: ("VOCdevkit/VOC2012", "SegmentationClass", "Segmentation"),
    open_context: ("VOCdevkit/VOC2010", "SegmentationClassContext", "SegmentationContext"),
}


def build(root, opened, ids=("2007_000033",), split="val", values=(0, 1, 20, 255)):
    folder, masks, lists = LAYOUTS[opened]
    write_text(root / folder / "ImageSets" / lists / f"{split}.txt", "\n".join(ids) + "\n")
    write_image(root / folder / "JPEGImages" / f"{ids[0]}.jpg")
    write_labels(root / folder / masks / f"{ids[0]}.png", values, palette=True)
    return root / folder


def test_names_are_as_many_as_classes():
    assert (len(set(VOC_NAMES)), len(set(CONTEXT_NAMES))) == (20, 59)
    assert (VOC_NAMES[14], CONTEXT_NAMES[39]) == ("person", "potted plant")


@pytest.mark.parametrize("opened", list(LAYOUTS))
def test_the_background_counts_or_is_ignored(tmp_path, opened):
    build(tmp_path, opened)
    counted = opened(tmp_path, background="counted")
    assert first_labels(only(counted), 4) == [0, 1, 20, 255]
    assert only(counted).example().truth.present == (1, 20)
    assert counted.class_names[:2] == ("background", "aeroplane")
    ignored = opened(tmp_path, background="ignored")
    assert first_labels(only(ignored), 4) == [255, 0, 19, 255]
    assert only(ignored).example().truth.present == (0, 19)
    assert ignored.class_names == (VOC_NAMES if opened is open_voc else CONTEXT_NAMES)


def test_defaults_are_those_of_published_figures(tmp_path):
    build(tmp_path, open_voc)
    build(tmp_path, open_context, values=(0, 59))
    assert len(open_voc(tmp_path).class_names) == 21
    assert len(open_context(tmp_path).class_names) == 59
    assert first_labels(only(open_context(tmp_path)), 2) == [255, 58]


def test_items_that_are_not_whole_cost_the_others_nothing(tmp_path):
    folder = build(tmp_path, open_voc, ids=("good", "no-image", "no-mask", "../up", "wrong-size"))
    write_image(folder / "JPEGImages" / "no-mask.jpg")
    write_image(folder / "JPEGImages" / "wrong-size.jpg", size=(5, 3))
    write_labels(folder / "SegmentationClass" / "wrong-size.png", [0])
    source = open_voc(tmp_path)
    assert failures_of(source) == [
        ("no-image", "missing"), ("no-mask", "missing_mask"), ("../up", "outside"),
    ]  # fmt: skip
    good, wrong = source.records
    assert good.example().image.size == (4, 3)
    assert code_of(wrong.example) == "size_mismatch"


def test_a_label_beyond_the_classes_is_no_class(tmp_path):
    build(tmp_path, open_voc, values=(21,))
    assert code_of(only(open_voc(tmp_path)).read_truth) == "bad_label"


def test_roots_and_splits_that_are_not_there(tmp_path):
    folder = build(tmp_path, open_voc, split="train")
    assert only(open_voc(tmp_path, split="train")).id == "2007_000033"
    with pytest.raises(UsageError, match=r"val.txt' does not exist"):
        open_voc(tmp_path)
    with pytest.raises(UsageError, match="Give the folder that holds 'VOCdevkit'"):
        open_voc(folder)
    with pytest.raises(UsageError, match="VOC2010/JPEGImages"):
        open_context(tmp_path)
