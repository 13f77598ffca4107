import csv
import errno
import hashlib
import json
import os
import re
import stat
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seewhy.base.errors import InternalError, UsageError
from seewhy.results import files


@given(st.text(st.characters(codec=None), max_size=300))
def test_a_slug_is_harmless_and_stays(name):
    slug = files.safe_slug(name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert len(slug) <= 57
    assert files.safe_slug(slug) == slug


@given(st.lists(st.text(max_size=20), unique=True, min_size=2, max_size=5))
def test_distinct_names_have_distinct_slugs(names):
    assert len(set(map(files.safe_slug, names))) == len(names)


@pytest.mark.parametrize("name", ["con", "../etc", "A", "", "a" * 300, "-x", "a b"])
def test_a_name_that_must_change_ends_in_a_hash(name):
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    assert files.safe_slug(name).endswith(f"-{digest}")


def test_a_file_is_written_with_usual_rights_and_nothing_beside_it(tmp_path):
    path = files.write_text(tmp_path / "a.txt", "first")
    files.write_text(path, "sécond\udcff")
    assert path.read_bytes() == b"s\xc3\xa9cond\\udcff"
    assert names_in(tmp_path) == ["a.txt"]
    (tmp_path / "usual").touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


class FaultError(Exception):
    pass


def test_after_an_error_the_old_file_stays_and_nothing_is_left(tmp_path):
    path = files.write_text(tmp_path / "a.txt", "old")

    def interrupted():
        with files.atomic_file(path) as temporary:
            temporary.write_text("half")
            raise FaultError

    with pytest.raises(FaultError):
        interrupted()
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("call", ["write_bytes", "replace", "touch"])
def test_a_full_disk_is_a_plain_message(tmp_path, monkeypatch, call):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = files.write_text(tmp_path / "a.txt", "old")
    with monkeypatch.context() as patch:
        patch.setattr(Path, call, full)
        with pytest.raises(UsageError, match="No space left on device"):
            files.write_text(path, "new")
    assert path.read_text() == "old"
    assert names_in(tmp_path) == ["a.txt"]


def test_data_is_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    steps = []
    flush, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("flush"), flush(handle)))
    monkeypatch.setattr(
        Path, "replace", lambda self, to: (steps.append("rename"), replace(self, to))
    )
    files.write_text(tmp_path / "a", "x")
    assert steps == ["flush", "rename", "flush"]


def test_json_is_strict():
    text = files.strict_json({"name": "é\udcff", "value": None})
    assert json.loads(text) == {"name": "é\\udcff", "value": None}
    assert text.endswith("}\n")
    for bad in (float("nan"), float("inf")):
        with pytest.raises(InternalError, match="strict JSON"):
            files.strict_json({"value": [bad]})


def test_json_is_written(tmp_path):
    assert json.loads(files.write_json(tmp_path / "a.json", [1]).read_bytes()) == [1]


def test_a_table_tells_its_schema(tmp_path):
    table = pyarrow.table({"id": ["a"]}).replace_schema_metadata({"own": "kept"})
    path = files.write_table(tmp_path / "a.parquet", table, schema="seewhy.images/1")
    read = pyarrow.parquet.read_table(path)
    assert read.to_pydict() == {"id": ["a"]}
    assert read.schema.metadata == {b"own": b"kept", b"seewhy.schema": b"seewhy.images/1"}
    files.write_table(path, pyarrow.table({"id": ["b"]}), schema="seewhy.images/1")
    assert pyarrow.parquet.read_table(path).to_pydict() == {"id": ["b"]}


def test_no_cell_of_a_csv_is_a_formula(tmp_path):
    texts = ["=cmd()", "+1", "-1", "@x", "\tx", " =x", "plain", 'a,"b"\nc']
    rows = [{"=name": text, "value": -1.5} for text in texts]
    with files.write_csv(tmp_path / "a.csv", rows).open(newline="") as stream:
        read = list(csv.reader(stream))
    assert read[0] == ["'=name", "value"]
    assert [row[0] for row in read[1:]] == [*(f"'{text}" for text in texts[:6]), *texts[6:]]
    assert {row[1] for row in read[1:]} == {"-1.5"}


def test_a_csv_without_rows_is_empty(tmp_path):
    assert files.write_csv(tmp_path / "a.csv", []).read_text() == "\n"


def test_the_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.file_sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_an_output_folder_is_made(tmp_path):
    assert files.output_folder(str(tmp_path / "new" / "deep")).is_dir()
    assert files.output_folder(tmp_path / "new") == tmp_path / "new"


def test_files_and_links_are_no_output_folders(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    for name, message in (
        ("file", "is a file"),
        ("link", "symbolic link"),
        ("dead", "symbolic link"),
    ):
        with pytest.raises(UsageError, match=message):
            files.output_folder(tmp_path / name)
    with pytest.raises(UsageError, match="cannot make the output folder"):
        files.output_folder(tmp_path / "file" / "below")


def test_a_path_stays_below_its_folder(tmp_path):
    home = files.output_folder(tmp_path / "home")
    assert files.output_path(home, "figures", "a.png") == home / "figures" / "a.png"
    assert (home / "figures").is_dir()
    (home / "way-out").symlink_to(tmp_path)
    (home / "inside").symlink_to(home / "figures")
    outside = [("..", "a"), (str(tmp_path / "a"),), ("way-out", "a"), ("inside",), (".",), ()]
    for names in outside:
        with pytest.raises(UsageError, match="leads out of the output folder"):
            files.output_path(home, *names)


def test_an_output_folder_may_itself_be_reached_by_a_link(tmp_path):
    (tmp_path / "real" / "out").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    home = files.output_folder(tmp_path / "link" / "out")
    assert files.write_text(files.output_path(home, "a"), "x").exists()
