import csv
import json

import pytest

from seewhy.base.errors import UsageError
from seewhy.evaluation.editing.document import ErrorsDocument
from seewhy.evaluation.editing.errors import ErrorSettings
from seewhy.evaluation.editing.files import evaluate_edits, write_errors

SETTINGS = ErrorSettings(least=1, resamples=100)


def captions(path, **texts):
    rows = [{"image_id": name, "caption": text} for name, text in texts.items()]
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


@pytest.fixture
def document(tmp_path):
    before = captions(tmp_path / "before.json", a="A red circle.", b="a red star", c="a dog")
    after = captions(tmp_path / "after.json", a="a blue circle", b="a red star", d="x")
    return evaluate_edits(before, after, settings=SETTINGS)


def test_files_of_any_editor_are_compared(document):
    assert document.errors.captions == 2
    assert [(each.old, each.new) for each in document.errors.replacements] == [("red", "blue")]
    assert document.errors.words[0].examples == ["a"]
    assert set(document.files) == {"before", "after"}
    assert any("2 ids are in one of the files alone" in note for note in document.notes)


def test_what_is_written_is_read_again(document, tmp_path):
    path = write_errors(document, tmp_path / "out")
    assert ErrorsDocument.model_validate_json(path.read_bytes()) == document
    with (tmp_path / "out" / "word-errors.csv").open(encoding="utf-8") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["word"], row["count"], row["uses"], row["instead"]) == ("red", "1", "2", "blue")


def test_files_without_an_id_in_common_are_refused(tmp_path):
    before, after = captions(tmp_path / "b.json", a="x"), captions(tmp_path / "a.json", b="x")
    with pytest.raises(UsageError, match="none of the 1 results"):
        evaluate_edits(before, after, settings=SETTINGS)
