import json
from dataclasses import replace

import pyarrow.parquet
import pytest
from PIL import Image
from tests.telling.examples import ANSWERS, classifier, folder_of, question

from seewhy.base.errors import DataError
from seewhy.data.places import open_places
from seewhy.similarity import drawing
from seewhy.telling.entries import SEALS
from seewhy.telling.images import Writer
from seewhy.telling.run import narrate_images


@pytest.fixture(autouse=True)
def _small_pictures(monkeypatch):
    monkeypatch.setattr(drawing, "HEIGHT", 64)


@pytest.fixture
def images(tmp_path):
    return folder_of(tmp_path / "in")


@pytest.fixture
def told(tmp_path, images):
    """Asks about both images; returns the result."""

    def call(output="out", **changes):
        return narrate_images(question(**changes), open_places([images]), tmp_path / output)

    return call


def rows(tmp_path, name="things", output="out"):
    return pyarrow.parquet.read_table(tmp_path / output / f"{name}.parquet").to_pylist()


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def test_everything_is_written(told, tmp_path):
    result = told(hiding=False)
    assert (result.made, result.kept) == (2, 0)
    assert result.document.verdicts == {"supported": 2}
    assert {each["image"]: each["reason"] for each in rows(tmp_path, "reasons")} == {
        f"{colour}.png": reason for colour, reason in ANSWERS.items()
    }
    things = {each["thing"]: each for each in rows(tmp_path)}
    assert set(things) == {"a red circle", "a blue circle", "a green square"}
    assert things["a green square"]["said"] == "missing"
    assert things["a red circle"]["right"] <= 33
    lines = (tmp_path / "out" / "tellings.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line)["image"] for line in lines} == {"red.png", "blue.png"}
    page = result.report.read_text(encoding="utf-8")
    assert all(reason in page for reason in ANSWERS.values())
    assert json.loads((tmp_path / "out" / "tellings.json").read_bytes())["narrator"] == "by heart"


def test_each_thing_has_a_picture(told, tmp_path):
    asked = question(hiding=False)
    drawn = asked.settings.model_copy(update={"figures": True})
    source = open_places([tmp_path / "in"])
    narrate_images(replace(asked, settings=drawn), source, tmp_path / "drawn")
    found = rows(tmp_path, output="drawn")
    for each in found:
        with Image.open(tmp_path / "drawn" / each["folder"] / each["picture"]) as picture:
            assert picture.height == 64
    assert told(hiding=False).made == 2
    assert {each["picture"] for each in rows(tmp_path)} == {None}


def test_a_second_run_keeps_everything_and_writes_the_same(told, tmp_path, monkeypatch):
    told()
    before = contents(tmp_path / "out")
    monkeypatch.setattr(Writer, "write_all", lambda *_: pytest.fail("asked again"))
    result = told()
    assert (result.made, result.kept) == (0, 2)
    assert contents(tmp_path / "out") == before


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been(told, tmp_path, monkeypatch):
    told(output="whole", batch_size=1)
    write, calls = Writer.write_all, []

    def killed(self, taken):
        if calls:
            raise KeyboardInterrupt
        calls.append(taken)
        return write(self, taken)

    with monkeypatch.context() as patch:
        patch.setattr(Writer, "write_all", killed)
        with pytest.raises(KeyboardInterrupt):
            told(batch_size=1)
    result = told(batch_size=1)
    assert (result.made, result.kept) == (1, 1)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("changes", [{"hiding": False}, {"beams": 2}, {"support": False}])
def test_another_question_is_answered_anew(told, changes):
    told()
    assert told(**changes).made == 2


def test_a_broken_image_costs_no_other_and_is_listed(told, images, tmp_path):
    (images / "broken.png").write_bytes(b"no image")
    result = told(support=False)
    assert (result.made, len(result.failures)) == (2, 1)
    assert rows(tmp_path, "failures")[0]["code"] == "unidentified"
    assert "broken.png" in result.report.read_text(encoding="utf-8")
    with pytest.raises(DataError, match="1 of 3"):
        result.check(max_failures=0.1)


def test_a_class_without_words_costs_its_image_alone(told, tmp_path):
    """The classifier takes red for an odd thing, and blue for nothing of both."""
    result = told(classifier=classifier(("wombat", "yellow", "blue")), support=False)
    assert [(each.id, each.code) for each in result.failures] == [("red.png", "unknown_class")]
    (row,) = rows(tmp_path, "reasons")
    assert (row["image"], row["answer"], row["given"]) == ("blue.png", "blue", "yes")
    assert result.document.agreed == 1


def test_names_from_outside_are_shown_as_text(told, images):
    name = "<b>&{{7*7}}.png"
    (images / "red.png").rename(images / name)
    page = told(support=False).report.read_text(encoding="utf-8")
    assert "<b>&{{" not in page
    assert "&lt;b&gt;&amp;{{7*7}}.png" in page


def test_a_damaged_folder_is_made_again(told, tmp_path):
    told(support=False)
    folder = next(path.parent for path in (tmp_path / "out" / "images").rglob("telling.json"))
    assert SEALS.read(folder) is not None
    (folder / "thumbnail.png").write_bytes(b"")
    assert told(support=False).made == 1
