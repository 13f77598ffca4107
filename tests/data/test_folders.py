import os
from pathlib import Path

import pyarrow as pa
import pytest
from tests.data.hostile import build_hostile_folder
from tests.data.pictures import (
    BLUE_PNG,
    RED_PNG,
    described,
    failures_of,
    read_code,
)

from seewhy.base.errors import DataError, UsageError
from seewhy.data import folders
from seewhy.data.images import NOTES_KEY
from seewhy.data.sources import open_source


@pytest.fixture
def classes(tmp_path):
    """Two class folders, each with one image."""
    root = tmp_path / "photos"
    for name, data in (("cats", RED_PNG), ("dogs", BLUE_PNG)):
        (root / name / "deep").mkdir(parents=True)
        (root / name / "deep" / "1.png").write_bytes(data)
    return root


def test_class_folders_give_labels_and_stable_ids(classes):
    source = open_source(classes)
    expected = [("cats/deep/1.png", "cats", "red"), ("dogs/deep/1.png", "dogs", "blue")]
    assert described(source) == described(open_source(str(classes))) == expected
    assert (source.failures, source.notes, source.name) == ((), (), classes.as_posix())


def test_a_flat_folder_has_no_labels(tmp_path):
    for name in ("b", "a", "C"):
        (tmp_path / name).write_bytes(RED_PNG)
    source = open_source(tmp_path)
    assert [record.id for record in source.records] == ["C", "a", "b"]
    assert {record.label for record in source.records} == {None}
    assert source.notes == ("2 duplicate images, such as 'C' = 'a' = 'b'",)


def test_the_hostile_folder_is_survived(tmp_path):
    folder = build_hostile_folder(tmp_path)
    assert sum(path.lstat().st_size for path in folder.root.iterdir()) < 2_000_000
    source = open_source(folder.root)
    assert {f.id: f.code for f in source.failures} == folder.unlisted
    found, codes = {}, {}
    for record in source.records:
        try:
            found[record.id] = record.read().info.get(NOTES_KEY, ())
        except DataError as error:
            codes[record.id] = error.code
    assert found == folder.fine
    assert codes == folder.unusable
    assert source.notes[0] == f"{folder.hidden} hidden files skipped"
    assert source.notes[1].startswith(f"{folder.sidecars} files skipped")
    assert "copy of photo.jpeg" in source.notes[2]


def test_all_that_a_hostile_folder_says_can_be_stored(tmp_path):
    source = open_source(build_hostile_folder(tmp_path).root)
    words = [*source.notes, *(record.id for record in source.records)]
    words += [text for failure in source.failures for text in (failure.id, failure.message)]
    assert pa.array(words).to_pylist() == words
    assert len(source.fingerprint()) == 64


def test_files_that_vanish_or_close_fail_when_read(classes, monkeypatch):
    first, second = open_source(classes).records
    (classes / first.id).unlink()
    assert read_code(first) == "missing"

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert read_code(second) == "denied"


def test_folders_that_cannot_be_entered_are_failures(classes, monkeypatch):
    listed = Path.iterdir

    def refuse(self):
        if self.name == "deep" and self.parent.name == "dogs":
            raise PermissionError(13, "Permission denied")
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    source = open_source(classes)
    assert failures_of(source) == [("dogs/deep", "denied")]
    assert len(source.records) == 1


def test_a_data_folder_that_cannot_be_entered_is_refused(classes, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UsageError, match="may not be read"):
        open_source(classes)


def test_files_that_vanish_while_listing(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(RED_PNG)
    (tmp_path / "b.png").write_bytes(RED_PNG)
    real = folders._size

    def vanishing(path):
        size = real(path)
        if path.name == "b.png":
            path.unlink()
        return size

    monkeypatch.setattr(folders, "_size", vanishing)
    source = open_source(tmp_path)
    assert source.notes == ()
    assert read_code(source.records[1]) == "missing"
    assert real(tmp_path / "b.png") == 0


def test_too_many_bytes_are_not_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "_COMPARED_BYTES", 2 * len(RED_PNG) - 1)
    (tmp_path / "a.png").write_bytes(RED_PNG)
    (tmp_path / "b.png").write_bytes(RED_PNG)
    assert open_source(tmp_path).notes == (
        "duplicate images were not looked for: too many bytes to compare",
    )


def test_splits_are_chosen_not_mistaken_for_classes(classes):
    classes.rename(classes.with_name("train"))
    root = classes.parent
    with pytest.raises(UsageError, match="train"):
        open_source(root)
    assert [record.label for record in open_source(root, split="train").records] == ["cats", "dogs"]
    with pytest.raises(UsageError, match=r"'test'.*'train'"):
        open_source(root, split="test")


@pytest.mark.parametrize("name", ["nowhere", "empty", "notes"])
def test_places_without_images_are_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "list.csv").touch()
    with pytest.raises(UsageError, match=name):
        open_source(tmp_path / name)


def test_a_folder_of_nothing_but_failures_says_why(tmp_path):
    (tmp_path / "loop.png").symlink_to("loop.png")
    with pytest.raises(UsageError, match="1 failed, the first: link"):
        open_source(tmp_path)
