import json

import pytest
from tests.mending.examples import BOX, editor, image

from seewhy.cli.main import run
from seewhy.mending import asking
from seewhy.models.editing.storage import EditorParts, save_editor


@pytest.fixture
def edited(tmp_path, capsys):
    """Runs the command on a red circle that is said to be green; returns code, output, errors."""
    image().save(tmp_path / "red.png")
    for kind in ("grid", "boxes"):
        made = editor(kind)
        parts = EditorParts(made.config, made.vocabulary, (made.network,))
        save_editor(tmp_path / kind, parts)

    def call(*options, who="grid", caption="a green circle", where="red.png"):
        who = str(tmp_path / who) if (tmp_path / who).exists() else who
        line = ["edit-caption", str(tmp_path / where), "--caption", caption, "--editor", who]
        code = run([*line, "--device", "cpu", *options])
        return code, *capsys.readouterr()

    return call


def test_the_edit_is_printed_with_its_evidence(edited):
    code, out, _ = edited()
    assert code == 0
    assert "after    a red circle" in out
    rows = [line.split() for line in out.splitlines()]
    assert any(row[:3] == ["red", "green", "replaced"] for row in rows)
    assert any(row[:3] == ["replaced", "green", "red"] and "likelier" in row for row in rows)


def test_a_right_caption_is_left_as_it_was(edited):
    code, out, _ = edited(caption="A red circle.")
    assert code == 0
    assert "after    A red circle. (left as it was)" in out


def test_an_output_holds_pictures_and_a_page(edited, tmp_path):
    code, out, _ = edited("--output", str(tmp_path / "out"))
    assert code == 0
    assert "a red circle" in out
    assert str(tmp_path / "out" / "report.html") in out.replace("\n", "")
    (entry,) = [json.loads(path.read_bytes()) for path in (tmp_path / "out").rglob("edit.json")]
    assert (entry["edited"], entry["edits"][0]["picture"]) == ("a red circle", "edit-1.png")


def test_what_is_said_arrives(edited, tmp_path):
    options = (
        "--beams", "2", "--limit", "9", "--no-repeat", "2", "--alternatives", "1",
        "--iterations", "2", "--no-undoing", "--no-figures", "--tolerate-truncated",
        "--output", str(tmp_path / "out"),
    )  # fmt: skip
    assert edited(*options)[0] == 0
    document = json.loads((tmp_path / "out" / "edits.json").read_bytes())
    assert document["settings"] == {
        "beams": 2, "limit": 9, "no_repeat": 2, "alternatives": 1, "iterations": 2,
        "undoing": False, "figures": False, "words": "drawn", "least": 5, "bootstrap": 1000,
        "seed": 0, "tolerate_truncated": True,
    }  # fmt: skip


def test_boxes_are_given_on_the_line(edited):
    pixels = ",".join(str(edge * 64) for edge in BOX)
    code, out, _ = edited("--box", pixels, who="boxes")
    assert code == 0
    assert "a red circle" in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "looks at boxes"),
        (("--box", "1,2,3"), "not four numbers"),
        (("--box", "a,b,c,d"), "not four numbers"),
        (("--beams", "0"), "beams"),
    ],
)
def test_wrong_requests_are_exit_code_2(edited, options, message):
    code, _, err = edited(*options, who="boxes")
    assert code == 2
    assert message in err.replace("\n", " ")


@pytest.mark.parametrize("box", ["50,50,10,10", "nan,0,10,10"])
def test_a_box_of_nothing_is_exit_code_3(edited, box):
    code, _, err = edited("--box", box, who="boxes")
    assert code == 3
    assert "[bad_entry]" in err


def test_a_missing_editor_is_exit_code_2(edited, monkeypatch):
    monkeypatch.setattr(asking, "embedded_editors", tuple)
    code, _, err = edited(who="embedded:editor-tiny")
    assert code == 2
    assert "comes with this installation; there is none" in err.replace("\n", " ")
    assert "is no folder" in edited(who="nowhere")[2].replace("\n", " ")


def test_images_that_cannot_be_used_are_named(edited, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert edited(where="none.png")[0] == 2
    for output in ((), ("--output", str(tmp_path / "out"))):
        code, _, err = edited(*output, where="broken.png")
        assert code == 3
        assert "unidentified" in err
