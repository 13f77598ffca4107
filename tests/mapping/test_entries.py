import pytest

from seewhy.base.errors import UsageError
from seewhy.mapping.entries import (
    SEAL,
    ImageEntry,
    MapRow,
    empty_folder,
    entry_folder,
    kept_entry,
    read_entry,
    remove_temporary,
    sealed_files,
    write_entry,
)

KEY = "a" * 64


def row(**changes):
    fields = {
        "image": "a.png", "text": "red", "method": "raw", "similarity": 0.25, "low": -1.0,
        "high": 1.0, "x": 3, "y": None, "positive": 0.5, "picture": "raw-red.png",
    }  # fmt: skip
    return MapRow(**fields | changes)


@pytest.fixture
def folder(tmp_path):
    """A sealed folder of two files."""
    (tmp_path / "raw-red.png").write_bytes(b"a picture")
    (tmp_path / "raw.safetensors").write_bytes(b"an array")
    entry = ImageEntry(
        key=KEY, image="a.png", width=4, height=3, notes=["reduced"], rows=[row()],
        files=sealed_files(tmp_path, ["raw-red.png", "raw.safetensors"]),
    )  # fmt: skip
    write_entry(tmp_path, entry)
    return tmp_path


def test_what_was_sealed_comes_back(folder):
    entry = kept_entry(folder, KEY)
    assert entry == read_entry(folder)
    assert entry.rows == [row()]
    assert [each.bytes for each in entry.files] == [9, 8]


def test_another_question_finds_nothing(folder):
    assert kept_entry(folder, "b" * 64) is None


@pytest.mark.parametrize("harm", ["remove", "change", "shorten"])
@pytest.mark.parametrize("name", ["raw-red.png", "raw.safetensors"])
def test_a_file_that_is_not_as_it_was_breaks_the_seal(folder, name, harm):
    path = folder / name
    content = path.read_bytes()
    changed = {"remove": None, "change": b"X" + content[1:], "shorten": content[:-1]}[harm]
    if changed is None:
        path.unlink()
    else:
        path.write_bytes(changed)
    assert kept_entry(folder, KEY) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema_version": "other"}', b"\xff"])
def test_a_damaged_seal_is_none(folder, content):
    (folder / SEAL).write_bytes(content)
    assert kept_entry(folder, KEY) is None


def test_no_folder_has_no_entry(tmp_path):
    assert kept_entry(tmp_path / "nowhere", KEY) is None


def test_emptying_removes_what_is_ours_and_nothing_else(folder):
    (folder / ".seewhy-0a1b.part").write_bytes(b"of a killed run")
    (folder / "notes.txt").write_text("of the user")
    empty_folder(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    empty_folder(folder / "nowhere")


def test_temporary_files_of_a_killed_run_are_removed(tmp_path):
    (tmp_path / ".seewhy-0a1b.part").write_bytes(b"of a killed run")
    (tmp_path / ".hidden.part").write_bytes(b"of the user")
    remove_temporary(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".hidden.part"]


def test_a_forged_seal_leads_out_of_no_folder(folder):
    outside = folder.parent / "outside.txt"
    outside.write_text("of the user")
    entry = read_entry(folder)
    (forged,) = sealed_files(folder, ["../outside.txt"])
    write_entry(folder, entry.model_copy(update={"files": [forged]}))
    assert kept_entry(folder, KEY) is None
    empty_folder(folder)
    assert outside.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_rows_hold_numbers_that_json_knows(value):
    with pytest.raises(ValueError, match="finite"):
        row(low=value)


HOSTILE_IDS = ["../up.png", "/etc/passwd", "con", "-o", "a\nb", "é.png", "x" * 300, ".", "A.png"]


def test_folders_are_apart_and_inside_whatever_the_image_is_called(tmp_path):
    folders = [entry_folder(tmp_path, identity) for identity in [*HOSTILE_IDS, "a.png"]]
    assert len({str(folder).lower() for folder in folders}) == len(folders)
    assert {folder.parent for folder in folders} == {tmp_path / "images"}
    assert all(folder.name.isascii() and len(folder.name) < 80 for folder in folders)


def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    entry_folder(tmp_path, "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="symbolic link"):
        entry_folder(tmp_path, "a")
