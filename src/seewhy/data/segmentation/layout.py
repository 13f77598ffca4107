"""Folders and lists that a layout needs, and what to say where they are not there."""

from collections.abc import Sequence
from pathlib import Path

from seewhy.base.errors import DataError, UsageError
from seewhy.data.files import file_fault, read_file, shown
from seewhy.data.images import ReadPolicy


def needed_folder(root: Path, below: str) -> Path:
    """The folder `below` a root; `UsageError` where it is not there."""
    folder = root / below
    try:
        is_there = folder.is_dir()
    except OSError as error:
        raise UsageError(str(file_fault(error, folder))) from error
    if not is_there:
        raise UsageError(
            f"{shown(root)} has no folder {below!r}. Give the folder that "
            f"holds {below.split('/', maxsplit=1)[0]!r}."
        )
    return folder


def files_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Its files with one of these endings, in lower case, by name; hidden ones are left out."""
    return [path for path in _entries(folder) if path.suffix.lower() in suffixes]


def folders_in(folder: Path) -> list[Path]:
    """Its folders by name; hidden ones are left out."""
    return [path for path in _entries(folder) if path.is_dir()]


def needed_lines(path: Path, *, policy: ReadPolicy) -> list[str]:
    """The lines of a list without blanks at either end; `UsageError` where there are none."""
    lines = [line.strip() for line in needed_text(path, policy=policy).splitlines()]
    if not any(lines):
        raise UsageError(f"{shown(path)} is empty. Fetch it again.")
    return [line for line in lines if line]


def needed_text(path: Path, *, policy: ReadPolicy) -> str:
    """The text of a file; bytes that are not UTF-8 become escapes."""
    try:
        content = read_file(path, max_bytes=policy.max_bytes, timeout=policy.timeout)
    except DataError as error:
        raise UsageError(f"{error} The data set is not complete without it.") from error
    return content.decode("utf-8-sig", "backslashreplace")


def _entries(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{file_fault(error, folder)} Give a folder that can be read.") from error
    return [path for path in entries if not path.name.startswith(".")]
