import pytest
from tests.data.editing.golden import PARTS, STORED, toy_images, written

from seewhy.base.errors import UsageError
from seewhy.data.editing.karpathy import read_karpathy

GOOD = {"filename": "a.jpg", "split": "train", "sentences": [{"tokens": ["a", "dog"]}]}


def read(folder, *entries):
    return read_karpathy(written(folder / "split.json", {"images": list(entries)}))


@pytest.mark.parametrize("part", PARTS)
def test_the_parts_have_the_published_images_in_their_order(part, tmp_path):
    names = [image.file_name for image in toy_images(tmp_path).of(part)]
    assert names == STORED[f"{PARTS[part]}_names"]


def test_an_image_holds_what_its_entry_says(tmp_path):
    image = toy_images(tmp_path).images[2]
    assert (image.id, image.split, image.part) == ("114", "restval", "train")
    assert image.path == "val2014/COCO_val2014_000000000114.jpg"
    assert len(image.captions) == 4
    assert image.captions[2] == ("red", "red", "mat", "red", "red")


def test_an_image_outside_coco_is_known_by_its_name(tmp_path):
    (image,) = read(tmp_path, GOOD).images
    assert (image.id, image.path, image.folder) == ("a.jpg", "a.jpg", "")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"split": "dev"}, "split"),
        ({"filename": ""}, "no name"),
        ({"sentences": []}, "no caption"),
        ({"sentences": [{"tokens": []}]}, "no caption"),
        ({"sentences": [{"tokens": "a dog"}]}, "list"),
        ({"sentences": [{"raw": "a dog"}]}, "tokens"),
        ({"sentences": [{"tokens": ["a", 3]}]}, "string"),
        ({"filename": None}, "filename"),
        ({"filename": "a.jpg"}, "twice"),
    ],
)
def test_a_broken_entry_is_named_and_costs_no_other(change, said, tmp_path):
    found = read(tmp_path, GOOD, {**GOOD, "filename": "b.jpg"} | change)
    assert [image.file_name for image in found.images] == ["a.jpg"]
    (failure,) = found.failures
    assert (failure.id, failure.code) == ("1", "bad_entry")
    assert said in failure.message


@pytest.mark.parametrize("entry", [None, 3, "a.jpg", []])
def test_an_entry_of_another_kind_is_a_failure(entry, tmp_path):
    assert len(read(tmp_path, entry, GOOD).failures) == 1


@pytest.mark.parametrize("document", [[], {}, {"images": {}}, {"images": []}, {"images": [3]}])
def test_another_kind_of_file_is_refused(document, tmp_path):
    with pytest.raises(UsageError, match=r"image|Karpathy"):
        read_karpathy(written(tmp_path / "split.json", document))
