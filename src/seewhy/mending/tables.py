"""The tables of edited captions: a row per caption, per edit and per word, and a line per image."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from seewhy.mending.entries import EditEvidence, MendEntry, ScriptWord
from seewhy.results.files import atomic_file, output_path
from seewhy.results.seals import entry_folder
from seewhy.results.tables import Kind, RowTable, row_table

SCHEMA: Final = "seewhy.edits/1"
CAPTIONS, EDITS, WORDS, LINES = "captions", "edits", "words", "edits.jsonl"

_CAPTIONS: Mapping[str, Kind] = {
    **dict.fromkeys(("image", "caption", "edited", "changed", "finished"), "text"),
    "log_probability": "number",
    **dict.fromkeys(("kept", "replaced", "inserted", "deleted"), "count"),
    **dict.fromkeys(("unknown", "notes", "folder"), "text"),
}
_EDITS: Mapping[str, Kind] = {
    **dict.fromkeys(("image", "kind", "old", "new"), "text"),
    **dict.fromkeys(("probability", "gain"), "number"),
    **dict.fromkeys(("picture", "folder"), "text"),
}
_WORDS: Mapping[str, Kind] = {
    "image": "text",
    "place": "count",
    **dict.fromkeys(("kind", "old", "new"), "text"),
    **dict.fromkeys(("probability", "copy_gate", "context_gate", "kept"), "number"),
    **dict.fromkeys(("read", "memory"), "text"),
    "read_weight": "number",
    **dict.fromkeys(("left", "top", "right", "bottom"), "count"),
    "seen_weight": "number",
    "folder": "text",
}


@dataclass(frozen=True)
class MendTables:
    """Takes captions one after the other."""

    output: Path
    captions: RowTable
    edits: RowTable
    words: RowTable
    lines: IO[str]

    def add(self, entry: MendEntry) -> None:
        """All that became of a caption."""
        folder = entry_folder(self.output, entry.image).relative_to(self.output).as_posix()
        beside = {"image": entry.image, "folder": folder}
        self.captions.add([_caption(entry) | beside])
        self.edits.add(_edit(each) | beside for each in entry.edits)
        self.words.add(
            _word(each) | beside | {"place": place} for place, each in enumerate(entry.script)
        )
        content = entry.model_dump(mode="json", exclude={"key", "files", "schema_version"})
        self.lines.write(json.dumps(content | beside, allow_nan=False) + "\n")


@contextmanager
def mend_tables(output: Path) -> Iterator[MendTables]:
    """`captions`, `edits`, `words` as .parquet and .csv, and `edits.jsonl`: whole, or as before."""
    with ExitStack() as stack:
        captions, edits, words = (
            stack.enter_context(row_table(output, name, columns, schema=SCHEMA))
            for name, columns in ((CAPTIONS, _CAPTIONS), (EDITS, _EDITS), (WORDS, _WORDS))
        )
        path = stack.enter_context(atomic_file(output_path(output, LINES)))
        lines = stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))
        yield MendTables(output, captions, edits, words, lines)


def _caption(entry: MendEntry) -> dict[str, Any]:
    kinds = [each.kind for each in entry.script]
    return {
        "caption": entry.caption,
        "edited": entry.edited,
        "changed": "yes" if entry.is_changed else "no",
        "finished": "yes" if entry.is_finished else "no",
        "log_probability": entry.log_probability,
        "kept": kinds.count("keep"),
        "replaced": kinds.count("replace"),
        "inserted": kinds.count("insert"),
        "deleted": kinds.count("delete"),
        "unknown": " ".join(entry.unknown),
        "notes": "; ".join(entry.notes),
    }


def _edit(edit: EditEvidence) -> dict[str, Any]:
    return edit.model_dump(include=set(_EDITS))


def _word(word: ScriptWord) -> dict[str, Any]:
    read = word.read[0] if word.read else None
    seen = word.seen[0] if word.seen else None
    box = (seen.box if seen else None) or (None,) * 4
    return {
        **word.model_dump(
            include={"kind", "old", "new", "probability", "copy_gate", "context_gate", "kept"}
        ),
        "read": read.word if read else None,
        "read_weight": read.weight if read else None,
        "memory": word.memory.word if word.memory else None,
        **dict(zip(("left", "top", "right", "bottom"), box, strict=True)),
        "seen_weight": seen.weight if seen else None,
    }
