import json
from pathlib import Path

import pytest
from tests.mending.examples import image, item

from seewhy.base.errors import UsageError
from seewhy.mending.captions import one_caption, read_captions


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "images"
    (place / "val2014").mkdir(parents=True)
    for name in ("val2014/COCO_val2014_000000000042.png", "7.png", "mine.png"):
        image().save(place / name)
    return place


def written(tmp_path, content):
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def entry(name, **more):
    return {"image_id": name, "caption": "a red circle", **more}


def found(tmp_path, folder, *entries):
    """The name of the file of each image, or the code of its failure."""
    source = read_captions(written(tmp_path, list(entries)), folder)
    names = {each.record.id: Path(each.record.read.path).name for each in source.items}
    return names | {each.id: each.code for each in source.failures}


def test_images_are_found_by_number_and_by_name(tmp_path, folder):
    coco = "COCO_val2014_000000000042.png"
    assert found(
        tmp_path, folder,
        entry(42), entry("7"), entry("mine"), entry("x", file_name="mine.png"),
        entry("y", file_name="val2014\\" + coco), entry("z", file_name="elsewhere/" + coco),
    ) == {
        "42": coco, "7": "7.png", "mine": "mine.png", "x": "mine.png", "y": coco, "z": coco,
    }  # fmt: skip


def test_what_is_not_found_or_found_twice_is_a_failure_of_its_own(tmp_path, folder):
    image().save(folder / "b-000042.png")
    image().save(folder / "val2014" / "mine.png")
    assert found(
        tmp_path, folder,
        entry(42), entry(8), entry("7"), entry("gone", file_name="gone.png"),
        entry("root", file_name="mine.png"), entry("twice", file_name="x/mine.png"),
    ) == {
        "42": "ambiguous", "8": "missing", "7": "7.png", "gone": "missing", "root": "mine.png",
        "twice": "ambiguous",
    }  # fmt: skip


def test_no_name_leads_out_of_the_folder(tmp_path, folder):
    image().save(tmp_path / "secret.png")
    names = ("../secret.png", str(tmp_path / "secret.png"), "..\\secret.png")
    entries = [entry(str(place), file_name=name) for place, name in enumerate(names)]
    assert set(found(tmp_path, folder, *entries).values()) == {"missing"}


@pytest.mark.parametrize(
    "bad",
    [
        "text", 5, None, {}, {"image_id": 1}, {"image_id": 1, "caption": 3},
        {"image_id": None, "caption": "x"}, {"image_id": 1.5, "caption": "x"},
        entry(1, boxes=[[1, 2, 3]]), entry(1, boxes=3), entry(1, file_name=3),
    ],
)  # fmt: skip
def test_a_bad_entry_costs_no_other(tmp_path, folder, bad):
    assert found(tmp_path, folder, bad, entry("7")) == {"entry 0": "bad_entry", "7": "7.png"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "holds no caption"),
        ([{"image_id": 1}], "caption is wrong"),
        ({"annotations": []}, "an object of 1 keys"),
        ([entry(7), entry("7")], "7 comes twice"),
    ],
)
def test_other_files_are_refused(tmp_path, folder, content, message):
    with pytest.raises(UsageError, match=message):
        read_captions(written(tmp_path, content), folder)


def test_what_is_not_there_is_refused(tmp_path, folder):
    with pytest.raises(UsageError, match="no folder"):
        read_captions(written(tmp_path, [entry(1)]), tmp_path / "nowhere")
    with pytest.raises(UsageError, match="cannot be read"):
        read_captions(tmp_path / "none.json", folder)
    with pytest.raises(UsageError, match="is no file"):
        one_caption(folder, "a circle")


def test_ids_keep_their_kind_and_huge_ones_do_no_harm(tmp_path, folder):
    source = read_captions(written(tmp_path, [entry(7), entry("9" * 5000)]), folder)
    assert [each.image_id for each in source.items] == [7]
    assert source.failures[0].code == "missing"


def test_boxes_become_fractions_of_their_image():
    boxes = ((16.0, 0.0, 32.0, 64.0),)
    assert item(boxes=boxes).fractions((64, 128)) == ((0.25, 0, 0.5, 0.5),)
    assert item(boxes=boxes, is_relative=True).fractions((64, 128)) == boxes
    assert item().fractions((64, 128)) is None


def test_facts_tell_captions_and_boxes_apart():
    box = ((0.0, 0.0, 1.0, 1.0),)
    different = [item(), item(caption="a"), item(boxes=box), item(boxes=box, is_relative=True)]
    assert len({each.facts for each in different}) == 4
    assert item().facts == item("blue").facts
