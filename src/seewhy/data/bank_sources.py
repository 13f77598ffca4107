"""Where the texts of a bank come from: files, answers of language models, WordNet's lists, us."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from seewhy.base.errors import DataError, UsageError
from seewhy.data.banks import (
    MOST_TEXTS,
    MOST_WORDS,
    ConceptBank,
    DroppedText,
    concept_bank,
    descriptor_bank,
)
from seewhy.data.files import read_file, shown
from seewhy.data.shipped_banks import SHIPPED_BANKS, shipped_texts
from seewhy.data.texts import read_texts

_MOST_BYTES = 256 * 2**20
_TIMEOUT = 60.0
_ITEM = re.compile(r"\s*(?:[-*•–·]|\d{1,3}[.)])\s+(.*)")
_SYNSET_ID = re.compile(r"[nvars]\d{8}\s+")
_INDEX_LINE = re.compile(r"(\S+) [nvars] \d+ ")


def load_bank(
    source: str | Path | ConceptBank,
    *,
    class_names: Sequence[str] = (),
    most_words: int = MOST_WORDS,
) -> ConceptBank:
    """A bank that ships ("general", "objects"), or one from a file, cleaned as `concept_bank` says.

    A .json file holds a list of texts, or an object of classes and their lists; any other file is
    UTF-8 with one text a line. Raises `UsageError` for all else, saying where it stands.
    """
    cleaning: dict[str, Any] = {"class_names": class_names, "most_words": most_words}
    if isinstance(source, ConceptBank):
        return _cleaned_again(source, cleaning)
    if str(source) in SHIPPED_BANKS:
        name = str(source)
        return concept_bank(shipped_texts(name), origin=f"the bank {name!r}", **cleaning)
    path = Path(source)
    if not path.is_file():
        raise UsageError(
            f"{shown(path)} is no file and no bank that ships ({', '.join(SHIPPED_BANKS)}). "
            "Check the path."
        )
    if path.suffix.lower() == ".json":
        return _of_json(_read_json(path), shown(path), cleaning)
    lines = read_texts(path, most=MOST_TEXTS)
    bank = concept_bank(lines.texts, origin=shown(path), **cleaning)
    return replace(bank, reading=lines.notes)


def answers_bank(
    answers: Mapping[str, object], *, origin: str, most_words: int = MOST_WORDS
) -> ConceptBank:
    """A bank out of what a language model answered per class, lists with marks or numbers.

    Where an answer has list items, its other lines are left out, and told; else every line is
    taken. Marks, numbers and what closes an item are taken off.
    """
    lines: dict[str, list[str]] = {}
    others: list[DroppedText] = []
    for name, answer in answers.items():
        if not isinstance(answer, str):
            raise UsageError(f"{origin}: the answer for {name!r:.60} is {answer!r:.80}, no text.")
        items = [_ITEM.fullmatch(line) for line in answer.splitlines()]
        found = [match[1] for match in items if match]
        rest = [line.strip() for line in answer.splitlines() if not _ITEM.fullmatch(line)]
        lines[name] = [line.strip().rstrip(".;,") for line in (found or rest)]
        if found:
            others += (DroppedText(line, "no list item") for line in rest if line)
    bank = descriptor_bank(lines, origin=origin, most_words=most_words)
    return replace(bank, dropped=(*others, *bank.dropped))


def synsets_bank(
    lines: Iterable[object],
    *,
    origin: str,
    words: Literal["first", "all"] = "first",
    class_names: Sequence[str] = (),
) -> ConceptBank:
    """A bank out of lists as WordNet's users keep them, one synset a line.

    Understood are "n01440764 tench, Tinca tinca", the same without an id or with a definition
    behind a colon or tab, and the lines of WordNet's own index files. `words` says whether the
    first word of a synset is taken or all. Underscores become spaces.
    """
    taken = [word for line in lines for word in _synset_words(line, words)]
    return concept_bank(taken, origin=origin, class_names=class_names)


def _synset_words(line: object, words: Literal["first", "all"]) -> Iterator[str]:
    if not isinstance(line, str):
        raise UsageError(f"a line of synsets is {line!r:.80}; wanted a text.")
    # WordNet's files open with a licence, each line of which is indented.
    if line.startswith("  ") or not line.strip():
        return
    index = _INDEX_LINE.match(line)
    text = index[1] if index else _SYNSET_ID.sub("", line.strip(), count=1)
    members = [part.replace("_", " ") for part in re.split(r"[:\t]", text)[0].split(",")]
    yield from members[:1] if words == "first" else members


def _cleaned_again(bank: ConceptBank, cleaning: Mapping[str, Any]) -> ConceptBank:
    """The bank without what the cleaning drops; whose texts are whose stays."""
    found = concept_bank(bank.texts, origin=bank.origin, **cleaning)
    return bank.without({bank.ids([item.text])[0]: item.reason for item in found.dropped})


def _of_json(content: object, origin: str, cleaning: Mapping[str, Any]) -> ConceptBank:
    if isinstance(content, list):
        return concept_bank(content, origin=origin, **cleaning)
    if isinstance(content, dict):
        return descriptor_bank(content, origin=origin, **cleaning)
    raise UsageError(
        f"{origin} holds {type(content).__name__} {content!r:.60}; wanted a list of texts, or an "
        "object of classes and their lists."
    )


def _read_json(path: Path) -> object:
    try:
        text = read_file(path, max_bytes=_MOST_BYTES, timeout=_TIMEOUT).decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_unique)
    except DataError as error:
        raise UsageError(str(error)) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{shown(path)} is not UTF-8: byte {error.object[error.start]:#04x} at place "
            f"{error.start + 1:,}. Save the file as UTF-8."
        ) from error
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{shown(path)} is no JSON: {error.msg} in line {error.lineno:,}, column "
            f"{error.colno:,}."
        ) from error
    except _SameKeyError as error:
        raise UsageError(f"{shown(path)} has the class {error} twice; join the two.") from error
    except RecursionError as error:
        raise UsageError(f"{shown(path)} is nested too deeply for a bank.") from error


class _SameKeyError(Exception):
    """A key that stands twice in one object."""


def _unique(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    table: dict[str, object] = {}
    for key, value in pairs:
        if key in table:
            raise _SameKeyError(repr(key)[:60])
        table[key] = value
    return table
