import pytest

from seewhy.base.errors import UsageError
from seewhy.data.images import DEFAULT_POLICY
from seewhy.data.segmentation.layout import (
    files_in,
    folders_in,
    needed_folder,
    needed_lines,
)


def test_a_wrong_root_is_told_what_it_should_hold(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert needed_folder(tmp_path, "a/b") == tmp_path / "a/b"
    with pytest.raises(UsageError, match=r"no folder 'a/c'\. Give the folder that holds 'a'\."):
        needed_folder(tmp_path, "a/c")
    with pytest.raises(UsageError, match="nowhere' has no folder"):
        needed_folder(tmp_path / "nowhere", "a")
    with pytest.raises(UsageError, match="cannot be read"):
        needed_folder(tmp_path / ("n" * 300), "a")


def test_entries_come_by_name_without_hidden_ones(tmp_path):
    for name in ("b.PNG", "a.png", ".c.png", "d.txt"):
        (tmp_path / name).touch()
    for name in ("z", "y", ".x"):
        (tmp_path / name).mkdir()
    assert [path.name for path in files_in(tmp_path, (".png",))] == ["a.png", "b.PNG"]
    assert [path.name for path in folders_in(tmp_path)] == ["y", "z"]
    with pytest.raises(UsageError, match="Give a folder that can be read"):
        files_in(tmp_path / "nowhere", (".png",))


def test_a_list_is_its_lines_whatever_their_ends(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfone \r\n\r\n two\xff\n")
    assert needed_lines(path, policy=DEFAULT_POLICY) == ["one", r"two\xff"]
    with pytest.raises(UsageError, match=r"does not exist .* not complete without it"):
        needed_lines(tmp_path / "none.txt", policy=DEFAULT_POLICY)
    path.write_text("\n \n")
    with pytest.raises(UsageError, match="is empty"):
        needed_lines(path, policy=DEFAULT_POLICY)
