import os
import threading
from pathlib import Path

import pytest
from tests.data.hostile import (
    encoded,
    photograph,
)
from tests.data.pictures import code_of

from seewhy.base.errors import DataError
from seewhy.data import files
from seewhy.data.images import (
    read_image,
)


def test_places_without_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    assert code_of(tmp_path / "nowhere.png") == "missing"
    assert code_of(tmp_path / "file" / "x.png") == "missing"
    assert code_of(tmp_path) == "not_a_file"
    assert code_of(tmp_path / "pipe") == "not_a_file"
    assert code_of(Path("/dev/zero")) == "not_a_file"
    assert code_of(tmp_path / "loop") == "link"
    assert code_of(tmp_path / "nul\0.png") == "unreadable"
    assert code_of(tmp_path / ("n" * 300)) == "unreadable"


def test_a_file_that_becomes_a_pipe_does_not_hang(tmp_path, monkeypatch):
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(photograph(), "PNG"))
    before = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(Path, "stat", lambda _: before)
    assert code_of(path, timeout=5.0) == "not_a_file"


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "photo.png"
    path.write_bytes(b"x")

    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert code_of(path) == "denied"


def test_a_file_that_is_too_long(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(bytes(11))
    assert code_of(path, max_bytes=10) == "too_large"
    assert code_of(path, max_bytes=11) == "unidentified"


def test_a_drive_that_hangs_is_left_behind(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(files, "_read_regular", lambda *_: release.wait(10) or b"")
    assert code_of(Path("/slow/photo.png"), timeout=0.05) == "timeout"
    release.set()


def test_messages_show_names_as_escapes():
    with pytest.raises(DataError) as caught:
        read_image(Path(os.fsdecode(b"/nowhere/a\n\xe2\x80\xae\xff.png")))
    assert r"a\n\u202e\udcff.png" in str(caught.value)
    str(caught.value).encode()
