import json

import pyarrow.parquet
import pytest
from PIL import Image
from tests.mending.examples import TRUTHS, image, question

from seewhy.base.errors import DataError
from seewhy.evaluation.editing.document import ErrorsDocument
from seewhy.mending.captions import read_captions
from seewhy.mending.document import EditsDocument
from seewhy.mending.entries import SEALS
from seewhy.mending.images import Writer
from seewhy.mending.run import edit_captions
from seewhy.similarity import drawing

CAPTIONS = {"red": "a green circle", "blue": "a blue circle", "white": "a dog"}


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch):
    monkeypatch.setattr(drawing, "HEIGHT", 64)


@pytest.fixture
def images(tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    for colour in TRUTHS:
        image(colour).save(place / f"{colour}.png")
    write(tmp_path, CAPTIONS)
    return place


def write(tmp_path, captions):
    content = [{"image_id": name, "caption": text} for name, text in captions.items()]
    (tmp_path / "captions.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def edited(tmp_path, images):
    def call(output="out", **changes):
        source = read_captions(tmp_path / "captions.json", images)
        return edit_captions(question(**changes), source, tmp_path / output)

    return call


def rows(tmp_path, name, output="out"):
    return pyarrow.parquet.read_table(tmp_path / output / f"{name}.parquet").to_pylist()


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def test_everything_is_written(edited, tmp_path):
    result = edited()
    assert (result.made, result.kept, len(result.failures)) == (3, 0, 0)
    assert result.document.captions == {"used": 3, "failed": 0, "changed": 2}
    assert result.document.operations == {"keep": 6, "replace": 2, "insert": 1, "delete": 0}
    out = tmp_path / "out"
    assert json.loads((out / "edited.json").read_bytes()) == [
        {"image_id": name, "caption": TRUTHS[name]} for name in CAPTIONS
    ]
    assert {row["image"]: row["unknown"] for row in rows(tmp_path, "captions")}["white"] == "dog"
    assert {(row["old"], row["new"]) for row in rows(tmp_path, "edits")} == {
        ("green", "red"), ("dog", "white circle"),
    }  # fmt: skip
    assert len(rows(tmp_path, "words")) == 9
    document = EditsDocument.model_validate_json((out / "edits.json").read_bytes())
    assert document == result.document
    assert any("'dog'" in note for note in document.notes)
    lines = (out / "edits.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["edited"] for line in lines] == list(TRUTHS.values())
    page = result.report.read_text(encoding="utf-8")
    assert "<del" in page
    assert "left as it was" in page


def test_errors_are_those_of_the_captions(edited, tmp_path):
    edited()
    errors = ErrorsDocument.model_validate_json((tmp_path / "out" / "errors.json").read_bytes())
    words = {each.word: each for each in errors.errors.words}
    assert (words["green"].wrong.count, words["green"].instead[0].word) == (1, "red")
    assert words["green"].instead[0].support > 0.9
    assert not words["dog"].is_known
    assert errors.editor == "by heart"


def test_each_edit_that_wrote_something_has_a_picture(edited, tmp_path):
    edited(figures=True)
    for row in rows(tmp_path, "edits"):
        with Image.open(tmp_path / "out" / row["folder"] / row["picture"]) as picture:
            assert picture.height == 64
    entries = [SEALS.read(path.parent) for path in (tmp_path / "out").rglob("edit.json")]
    assert {each.image: each.matrix for each in entries} == {
        "red": "read.png", "blue": None, "white": "read.png",
    }  # fmt: skip
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("where the network looked for") == 2


def test_a_second_run_keeps_everything_and_writes_the_same(edited, tmp_path, monkeypatch):
    edited()
    before = contents(tmp_path / "out")
    monkeypatch.setattr(Writer, "write_all", lambda *_: pytest.fail("edited again"))
    result = edited()
    assert (result.made, result.kept) == (0, 3)
    assert contents(tmp_path / "out") == before


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(edited, tmp_path, monkeypatch):
    edited(output="whole", batch_size=1)
    write_all, calls = Writer.write_all, []

    def killed(self, taken):
        if calls:
            raise KeyboardInterrupt
        calls.append(taken)
        return write_all(self, taken)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "write_all", killed)
        with pytest.raises(KeyboardInterrupt):
            edited(batch_size=1)
    result = edited(batch_size=1)
    assert (result.made, result.kept) == (2, 1)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_another_caption_is_edited_anew_and_alone(edited, tmp_path):
    edited()
    write(tmp_path, CAPTIONS | {"red": "a white circle"})
    result = edited()
    assert (result.made, result.kept) == (1, 2)


def test_other_ways_to_count_errors_edit_nothing_anew(edited):
    edited()
    assert edited(least=9, seed=4).made == 0
    assert edited(beams=2).made == 3


def test_bad_images_and_missing_ones_cost_no_other(edited, images, tmp_path):
    (images / "red.png").write_bytes(b"no image")
    write(tmp_path, CAPTIONS | {"gone": "a circle"})
    result = edited()
    assert {each.id: each.code for each in result.failures} == {
        "gone": "missing", "red": "unidentified",
    }  # fmt: skip
    assert [row["image_id"] for row in json.loads((tmp_path / "out/edited.json").read_bytes())] == [
        "blue", "white",
    ]  # fmt: skip
    assert {row["id"] for row in rows(tmp_path, "failures")} == {"red", "gone"}
    with pytest.raises(DataError, match="2 of 4"):
        result.check(max_failures=0.1)
    result.check(max_failures=0.5)


def test_words_from_outside_are_shown_as_text(edited, tmp_path):
    write(tmp_path, CAPTIONS | {"red": "<script>alert(1)</script> {{7*7}} \u202e green"})
    page = edited().report.read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "{{7*7}}" in page
    assert "\u202e" not in page


def test_all_images_failing_still_writes_the_report(edited, images):
    for path in images.iterdir():
        path.write_bytes(b"")
    result = edited()
    assert result.first is None
    assert result.report.exists()
    with pytest.raises(DataError) as error:
        result.check(max_failures=1.0)
    assert error.value.code == "all_failed"
