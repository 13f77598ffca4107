"""The tables of concepts: a row per image and encoder, and a row per part and text."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from seewhy.concepts.entries import ClassReading, ConceptEntry, Reading
from seewhy.results.files import atomic_file, output_path
from seewhy.results.seals import entry_folder
from seewhy.results.tables import Kind, RowTable, row_table

SCHEMA: Final = "seewhy.concepts/1"
CONCEPTS, PARTS, LINES = "concepts", "parts", "concepts.jsonl"

_FIGURES = ("index", "share", "jaccard", "information", "p_value", "printed", "ranked", "area")
_READINGS: Mapping[str, Kind] = {
    **dict.fromkeys(("image", "encoder", "label", "predicted"), "text"),
    "is_correct": "truth",
    "similarity": "number",
    "runner_up": "text",
    "runner_up_similarity": "number",
    "label_similarity": "number",
    **dict.fromkeys(("found", "shared"), "text"),
    **dict.fromkeys(("found_count", "expected_count", "shared_count"), "count"),
    **dict.fromkeys(_FIGURES, "number"),
    **dict.fromkeys(("runner_up_area", "label_area"), "number"),
    **dict.fromkeys(("runner_up_shared_count", "label_shared_count"), "count"),
    **dict.fromkeys(("parts", "ignored_parts"), "count"),
    "is_fallback": "truth",
    **dict.fromkeys(("picture", "folder"), "text"),
}
_PARTS: Mapping[str, Kind] = {
    **dict.fromkeys(("image", "encoder"), "text"),
    "part": "count",
    "part_share": "number",
    "rank": "count",
    "text": "text",
    "score": "number",
    "ranking": "text",
}


@dataclass(frozen=True)
class ConceptTables:
    """Takes images one after the other."""

    output: Path
    readings: RowTable
    parts: RowTable
    lines: IO[str]

    def add(self, entry: ConceptEntry) -> None:
        """All readings of an image."""
        folder = entry_folder(self.output, entry.image).relative_to(self.output).as_posix()
        self.readings.add(_row(entry, each) | {"folder": folder} for each in entry.readings)
        self.parts.add(row for each in entry.readings for row in _part_rows(entry.image, each))
        content = entry.model_dump(mode="json", exclude={"key", "files", "schema_version"})
        self.lines.write(json.dumps(content | {"folder": folder}, allow_nan=False) + "\n")


@contextmanager
def concept_tables(output: Path) -> Iterator[ConceptTables]:
    """`concepts.parquet`, .csv and .jsonl, and `parts.parquet`: whole, or as they were before."""
    with ExitStack() as stack:
        readings = stack.enter_context(row_table(output, CONCEPTS, _READINGS, schema=SCHEMA))
        parts = stack.enter_context(
            row_table(output, PARTS, _PARTS, schema="seewhy.concept-parts/1", with_csv=False)
        )
        path = stack.enter_context(atomic_file(output_path(output, LINES)))
        lines = stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))
        yield ConceptTables(output, readings, parts, lines)


def _row(entry: ConceptEntry, reading: Reading) -> dict[str, Any]:
    """Lists of texts are JSON."""
    winner, other, true = reading.predicted, reading.runner_up, reading.truth
    return {
        "image": entry.image,
        "encoder": reading.encoder,
        "label": entry.label,
        "predicted": winner.name,
        "is_correct": reading.is_correct,
        "similarity": winner.similarity,
        "runner_up": other.name,
        "runner_up_similarity": other.similarity,
        "label_similarity": true.similarity if true else None,
        "found": _listed([each.text for each in reading.found]),
        "shared": _listed(winner.shared),
        "found_count": len(reading.found),
        "expected_count": len(reading.expected),
        "shared_count": len(winner.shared),
        **{name: getattr(winner, name) for name in _FIGURES},
        **_against("runner_up", other),
        **_against("label", true),
        "parts": len(reading.parts),
        "ignored_parts": reading.ignored,
        "is_fallback": reading.is_fallback,
        "picture": reading.picture,
    }


def _against(whose: str, found: ClassReading | None) -> dict[str, Any]:
    return {
        f"{whose}_area": found.area if found else None,
        f"{whose}_shared_count": len(found.shared) if found else None,
    }


def _part_rows(image: str, reading: Reading) -> Iterator[dict[str, Any]]:
    for part in reading.parts:
        for rank, each in enumerate(part.texts, 1):
            yield {
                "image": image,
                "encoder": reading.encoder,
                "part": part.number,
                "part_share": part.share,
                "rank": rank,
                "text": each.text,
                "score": each.score,
                "ranking": reading.ranking,
            }


def _listed(texts: list[str]) -> str:
    return json.dumps(texts, ensure_ascii=False)
