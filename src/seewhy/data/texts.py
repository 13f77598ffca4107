"""A file of texts, one a line, however long it is."""

import codecs
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seewhy.base.errors import UsageError
from seewhy.data.files import shown

LONGEST_LINE = 10_000
"""Bytes of the longest line that is read."""

_OTHER_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class TextList:
    """Different texts in the order of their first line; `notes` counts what was left out."""

    texts: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_texts(path: Path, *, most: int) -> TextList:
    """The lines of a UTF-8 file without the space around them, each text once, none empty.

    The file is read line by line, and no further than to the text beyond `most`. Raises
    `UsageError`, with the number of the line, for bytes that are not UTF-8 and for a line of more
    than `LONGEST_LINE` bytes; also when no text is left, or more than `most`.
    """
    counts: Counter[str] = Counter()
    blank = 0
    for number, text in _lines(path):
        if not text:
            blank += 1
            continue
        counts[text] += 1
        if len(counts) > most:
            raise UsageError(
                f"{shown(path)} has more than {most:,} different texts; line {number:,} holds the "
                "first beyond. Split the file."
            )
    if not counts:
        raise UsageError(f"{shown(path)} holds no text; wanted is one text a line.")
    return TextList(tuple(counts), tuple(_notes(path, counts, blank)))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        if not path.is_file():
            raise UsageError(f"{shown(path)} is no file of texts. Check the path.")
        with path.open("rb") as stream:
            number = 0
            while line := stream.readline(LONGEST_LINE + 1):
                number += 1
                yield number, _decoded(line, number, path)
    except OSError as error:
        raise UsageError(f"cannot read {shown(path)}: {error.strerror or error}.") from error


def _decoded(line: bytes, number: int, path: Path) -> str:
    if number == 1 and line.startswith(_OTHER_MARKS):
        raise UsageError(f"{shown(path)} is UTF-16 or UTF-32. Save it as UTF-8.")
    if len(line) > LONGEST_LINE:
        raise UsageError(
            f"line {number:,} of {shown(path)} has more than {LONGEST_LINE:,} bytes. Wanted is one "
            "text a line."
        )
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"line {number:,} of {shown(path)} is not UTF-8: byte {line[error.start]:#04x} at "
            f"place {error.start + 1}. Save the file as UTF-8."
        ) from error


def _notes(path: Path, counts: Counter[str], blank: int) -> Iterator[str]:
    twice = [(text, count) for text, count in counts.most_common() if count > 1]
    if twice:
        text, count = twice[0]
        repeated = sum(count - 1 for _, count in twice)
        yield (
            f"{shown(path)}: {repeated:,} repeated lines were left out, such as {text[:60]!r} "
            f"({count:,} times)"
        )
    if blank:
        yield f"{shown(path)}: {blank:,} blank lines were left out"
