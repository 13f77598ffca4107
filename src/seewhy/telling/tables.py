"""The tables of told reasons: a row per thing that is named, and a line per image."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from seewhy.results.files import atomic_file, output_path
from seewhy.results.seals import entry_folder
from seewhy.results.tables import Kind, RowTable, row_table
from seewhy.telling.entries import Hiding, PhraseSupport, StatementSupport, Telling, TellingEntry

SCHEMA: Final = "seewhy.tellings/1"
REASONS, THINGS, LINES = "reasons", "things", "tellings.jsonl"

_REASONS: Mapping[str, Kind] = {
    **dict.fromkeys(("image", "question", "answer", "reason"), "text"),
    "log_probability": "number",
    **dict.fromkeys(("verdict", "truth", "given", "own_answer"), "text"),
    "probability": "number",
    "folder": "text",
}
_THINGS: Mapping[str, Kind] = {
    **dict.fromkeys(("image", "question", "statement", "thing"), "text"),
    **dict.fromkeys(("said", "place", "verdict", "why", "truth", "rival"), "text"),
    **dict.fromkeys(("lead", "rank", "height", "attention"), "number"),
    **dict.fromkeys(("sentence_fall", "sentence_elsewhere"), "number"),
    **dict.fromkeys(("answer_fall", "answer_elsewhere"), "number"),
    **dict.fromkeys(("left", "top", "right", "bottom"), "count"),
    **dict.fromkeys(("picture", "folder"), "text"),
}


@dataclass(frozen=True)
class TellingTables:
    """Takes images one after the other."""

    output: Path
    reasons: RowTable
    things: RowTable
    lines: IO[str]

    def add(self, entry: TellingEntry) -> None:
        """All that was told of an image."""
        folder = entry_folder(self.output, entry.image).relative_to(self.output).as_posix()
        beside = {"image": entry.image, "folder": folder}
        self.reasons.add(_reason(each) | beside for each in entry.tellings)
        self.things.add(
            _thing(telling, statement, phrase) | beside
            for telling in entry.tellings
            for statement in telling.statements
            for phrase in statement.phrases
        )
        content = entry.model_dump(mode="json", exclude={"key", "files", "schema_version"})
        self.lines.write(json.dumps(content | beside, allow_nan=False) + "\n")


@contextmanager
def telling_tables(output: Path) -> Iterator[TellingTables]:
    """`reasons` and `things` as .parquet and .csv, and `tellings.jsonl`: whole, or as before."""
    with ExitStack() as stack:
        reasons = stack.enter_context(row_table(output, REASONS, _REASONS, schema=SCHEMA))
        things = stack.enter_context(row_table(output, THINGS, _THINGS, schema=SCHEMA))
        path = stack.enter_context(atomic_file(output_path(output, LINES)))
        lines = stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))
        yield TellingTables(output, reasons, things, lines)


def _reason(telling: Telling) -> dict[str, Any]:
    return {
        "question": telling.question,
        "answer": telling.answer,
        "reason": telling.reason,
        "log_probability": telling.log_probability,
        "verdict": telling.verdict,
        "truth": telling.truth,
        "given": "yes" if telling.is_given else "no",
        "own_answer": telling.own_answer,
        "probability": telling.probability,
    }


def _thing(telling: Telling, statement: StatementSupport, phrase: PhraseSupport) -> dict[str, Any]:
    region = phrase.region
    return {
        "question": telling.question,
        "statement": statement.text,
        "thing": phrase.text,
        "said": "missing" if phrase.is_negated else "there",
        "place": phrase.place,
        "verdict": phrase.verdict,
        "why": phrase.why,
        "truth": statement.truth,
        "rival": phrase.rival,
        "lead": phrase.lead,
        "rank": phrase.rank,
        "height": phrase.height,
        "attention": phrase.attention,
        **_fall("sentence", phrase.sentence),
        **_fall("answer", phrase.answer),
        **{
            name: getattr(region, name) if region else None
            for name in ("left", "top", "right", "bottom")
        },
        "picture": phrase.picture,
    }


def _fall(name: str, hiding: Hiding | None) -> dict[str, float | None]:
    return {
        f"{name}_fall": hiding.fall if hiding else None,
        f"{name}_elsewhere": hiding.elsewhere if hiding else None,
    }
