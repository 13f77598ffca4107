import pytest
from tests.mapping.test_entries import row

from seewhy.base.errors import UsageError
from seewhy.mapping.entries import SEALS, ImageEntry
from seewhy.results.seals import entry_folder, remove_temporary, sealed_files

KEY = "a" * 64


@pytest.fixture
def folder(tmp_path):
    """A sealed folder of two files."""
    (tmp_path / "raw-red.png").write_bytes(b"a picture")
    (tmp_path / "raw.safetensors").write_bytes(b"an array")
    entry = ImageEntry(
        key=KEY, image="a.png", width=4, height=3, notes=["reduced"], rows=[row()],
        files=sealed_files(tmp_path, ["raw-red.png", "raw.safetensors"]),
    )  # fmt: skip
    SEALS.write(tmp_path, entry)
    return tmp_path


def test_what_was_sealed_comes_back(folder):
    entry = SEALS.kept(folder, KEY)
    assert entry == SEALS.read(folder)
    assert entry.rows == [row()]
    assert [each.bytes for each in entry.files] == [9, 8]


def test_another_question_finds_nothing(folder):
    assert SEALS.kept(folder, "b" * 64) is None


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
    assert SEALS.kept(folder, KEY) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema_version": "other"}', b"\xff"])
def test_a_damaged_seal_is_none(folder, content):
    (folder / SEALS.name).write_bytes(content)
    assert SEALS.kept(folder, KEY) is None


def test_no_folder_has_no_entry(tmp_path):
    assert SEALS.kept(tmp_path / "nowhere", KEY) is None


def test_emptying_removes_what_is_ours_and_nothing_else(folder):
    (folder / ".seewhy-0a1b.part").write_bytes(b"of a killed run")
    (folder / "notes.txt").write_text("of the user")
    SEALS.empty(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    SEALS.empty(folder / "nowhere")


def test_temporary_files_of_a_killed_run_are_removed(tmp_path):
    (tmp_path / ".seewhy-0a1b.part").write_bytes(b"of a killed run")
    (tmp_path / ".hidden.part").write_bytes(b"of the user")
    remove_temporary(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".hidden.part"]


def test_a_forged_seal_leads_out_of_no_folder(folder):
    outside = folder.parent / "outside.txt"
    outside.write_text("of the user")
    entry = SEALS.read(folder)
    (forged,) = sealed_files(folder, ["../outside.txt"])
    SEALS.write(folder, entry.model_copy(update={"files": [forged]}))
    assert SEALS.kept(folder, KEY) is None
    SEALS.empty(folder)
    assert outside.exists()


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
