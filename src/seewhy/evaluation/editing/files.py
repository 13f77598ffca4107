"""Errors found in files of captions before and after, and where all of it goes."""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from seewhy.base.versions import library_versions
from seewhy.evaluation.captions.files import paired, read_results
from seewhy.evaluation.captions.summary import described
from seewhy.evaluation.captions.words import caption_words
from seewhy.evaluation.editing.attributes import named_word_classes
from seewhy.evaluation.editing.counting import EditedCaption
from seewhy.evaluation.editing.document import ErrorsDocument, Share
from seewhy.evaluation.editing.errors import ErrorSettings, caption_errors
from seewhy.models.editing.alignment import edit_script
from seewhy.results.files import output_folder, output_path, write_csv, write_json

ERRORS = "errors.json"
TABLES = ("word-errors.csv", "replacements.csv", "missed-words.csv")

READING = (
    "An error is where the editor disagrees, and editors err too: look at the examples, and at "
    "what the editor does to captions that are right.",
    "Word by word, the fewest changes: which of two equal words was deleted is a convention.",
)
_UNSURE = "How sure the editor was is not in these files, so no support is given."


def evaluate_edits(
    before: Path, after: Path, *, words: str = "drawn", settings: ErrorSettings | None = None
) -> ErrorsDocument:
    """Errors of the captions before, by two files that any editor may have read and written.

    Raises `UsageError` for files that are unlike what they should be, or share no id.
    """
    settings = settings or ErrorSettings()
    old, new = read_results(before), read_results(after)
    found = paired(new, old)
    edits = [_edited(name, old[name], text) for name, text in found.texts.items()]
    notes = [*READING, _UNSURE]
    if left := len(found.without_reference) + len(found.without_result):
        notes.append(f"{left} ids are in one of the files alone and were left out.")
    return errors_document(edits, words=words, settings=settings, notes=notes).model_copy(
        update={"files": described(before=before, after=after)}
    )


def errors_document(
    edits: Sequence[EditedCaption],
    *,
    words: str,
    settings: ErrorSettings,
    editor: str | None = None,
    unknown: Container[str] = (),
    notes: Sequence[str] = READING,
) -> ErrorsDocument:
    """The errors with all that they depend on; no files are named.

    The editor does not know the words `unknown`.
    """
    classes = named_word_classes(words)
    return ErrorsDocument(
        editor=editor,
        files={},
        words=classes.name,
        errors=caption_errors(edits, classes, settings, unknown=unknown),
        settings=settings.recorded(),
        versions=library_versions(),
        notes=list(notes),
    )


def write_errors(document: ErrorsDocument, folder: str | Path) -> Path:
    """`errors.json` and its tables; each file is whole or absent. Returns the path of the first."""
    home = output_folder(folder)
    for name, rows in zip(TABLES, _tables(document), strict=True):
        write_csv(output_path(home, name), rows)
    return write_json(output_path(home, ERRORS), document.model_dump(mode="json"))


def _edited(name: str, before: str, after: str) -> EditedCaption:
    script = edit_script(caption_words(before), caption_words(after))
    return EditedCaption(name, tuple(script), (None,) * len(script))


def _tables(document: ErrorsDocument) -> Sequence[Sequence[Mapping[str, object]]]:
    found = document.errors
    words = [
        {"word": each.word, "attribute": each.attribute}
        | {"replaced": each.replaced, "deleted": each.deleted}
        | _share(each.wrong)
        | {"systematic": "yes" if each.is_systematic else "no"}
        | {"instead": " ".join(other.word or "-" for other in each.instead)}
        | {"examples": " ".join(each.examples)}
        for each in found.words
    ]
    replacements = [
        {"old": each.old, "new": each.new, "attribute": each.attribute}
        | _share(each.of_old)
        | {"support": each.support, "examples": " ".join(each.examples)}
        for each in found.replacements
    ]
    missed = [
        {"word": each.word, "attribute": each.attribute}
        | _share(each.of_new)
        | {"support": each.support, "examples": " ".join(each.examples)}
        for each in found.missed
    ]
    return words, replacements, missed


def _share(share: Share) -> dict[str, object]:
    return {
        "count": share.count,
        "uses": share.uses,
        "share": share.value,
        "low": share.low,
        "high": share.high,
    }
