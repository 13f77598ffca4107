import pytest
from tests.data.segmentation.trees import failures_of, only, write_image, write_text

from seewhy.base.errors import UsageError
from seewhy.data.segmentation.nus_wide import open_nus_wide

NAMES = ["actor\\0001_1.jpg", "actor\\0002_2.jpg", "zebra\\0001_3.jpg"]


def build(root, labels, split="Test", images="Flickr"):
    write_text(root / "ImageList" / f"{split}Imagelist.txt", "\r\n".join(NAMES) + "\r\n")
    write_text(root / "ConceptsList" / "Concepts81.txt", "\n".join([*labels, ""]))
    for concept, flags in labels.items():
        path = root / "Groundtruth" / "TrainTestLabels" / f"Labels_{concept}_{split}.txt"
        write_text(path, "\n".join([*flags, ""]))
    for name in NAMES:
        write_image(root / images / name.replace("\\", "/"))
    return root


@pytest.mark.parametrize("split", ["Test", "Train"])
def test_tags_are_the_lines_that_say_one(tmp_path, split):
    labels = {"clouds": "101", "fire_truck": "001"}
    source = open_nus_wide(build(tmp_path, labels, split, "images"), split=split, images="images")
    assert source.class_names == ("clouds", "fire truck")
    assert [(record.id, record.read_truth().present) for record in source.records] == [
        ("actor/0001_1.jpg", (0,)),
        ("actor/0002_2.jpg", ()),
        ("zebra/0001_3.jpg", (0, 1)),
    ]
    assert source.records[2].example().image.size == (4, 3)


def test_photographs_that_are_gone_and_labels_that_are_none(tmp_path):
    build(tmp_path, {"clouds": "1x0", "sky": "111"})
    (tmp_path / "Flickr" / "zebra" / "0001_3.jpg").unlink()
    source = open_nus_wide(tmp_path)
    assert only(source).read_truth().present == (0, 1)
    assert failures_of(source) == [
        ("actor/0002_2.jpg", "bad_label"), ("zebra/0001_3.jpg", "missing"),
    ]  # fmt: skip


def test_lists_that_do_not_belong_together(tmp_path):
    build(tmp_path, {"clouds": "10"})
    with pytest.raises(UsageError, match="labels 2 images, the list names 3"):
        open_nus_wide(tmp_path)
    (tmp_path / "Groundtruth" / "TrainTestLabels" / "Labels_clouds_Test.txt").unlink()
    with pytest.raises(UsageError, match="not complete without it"):
        open_nus_wide(tmp_path)
    with pytest.raises(UsageError, match="holds 'Flickr'"):
        open_nus_wide(tmp_path / "ImageList")
