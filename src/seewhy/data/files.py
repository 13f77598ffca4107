"""Reading a file without trusting it: kinds, sizes, time-outs, and names that are safe to show."""

import errno
import os
import stat
import threading
from pathlib import Path
from queue import Empty, SimpleQueue

from seewhy.base.errors import DataError


def shown(path: str | Path) -> str:
    """A name in quotes with control, bidi and undecodable characters as escapes."""
    return repr(str(path))


def name_as_text(path: Path) -> str:
    """A path with forward slashes; bytes that are not UTF-8 become escapes, so that it is text."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def read_file(path: Path, *, max_bytes: int, timeout: float) -> bytes:
    """The content of a regular file.

    Raises `DataError`: `missing`, `denied`, `link`, `not_a_file`, `too_large`, `unreadable`, or
    `timeout` when the file system gives no answer in `timeout` seconds.
    """
    answers: SimpleQueue[bytes | Exception] = SimpleQueue()

    def answer() -> None:
        try:
            answers.put(_read_regular(path, max_bytes))
        except Exception as error:  # It is raised again below, where it is expected.
            answers.put(error)

    # A read from a dead network drive cannot be interrupted, only left behind.
    threading.Thread(target=answer, daemon=True).start()
    try:
        content = answers.get(timeout=timeout)
    except Empty:
        raise DataError("timeout", f"{shown(path)} gave no answer in {timeout:g} s.") from None
    if isinstance(content, Exception):
        raise content
    return content


def file_fault(error: OSError | ValueError, path: Path) -> DataError:
    """What the system's refusal means, as a `DataError` with its code."""
    match error:
        case FileNotFoundError() | NotADirectoryError():
            code, reason = "missing", "does not exist (any more)"
        case PermissionError():
            code, reason = "denied", "may not be read by this user"
        case OSError(errno=errno.ELOOP):
            code, reason = "link", "is a symbolic link that leads back to itself"
        case _:
            code, reason = "unreadable", f"cannot be read: {error}"
    return DataError(code, f"{shown(path)} {reason}.")


def _read_regular(path: Path, max_bytes: int) -> bytes:
    try:
        _check_kind(path.stat(), path, max_bytes)
        with open(path, "rb", opener=_open_without_waiting) as stream:
            status = os.fstat(stream.fileno())
            _check_kind(status, path, max_bytes)
            return stream.read(status.st_size)
    except (OSError, ValueError) as error:
        raise file_fault(error, path) from error


def _check_kind(status: os.stat_result, path: Path, max_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise DataError("not_a_file", f"{shown(path)} is a folder, pipe or device, not a file.")
    if status.st_size > max_bytes:
        raise DataError(
            "too_large",
            f"{shown(path)} has {status.st_size:,} bytes; at most {max_bytes:,} are read.",
        )


def _open_without_waiting(path: str, flags: int) -> int:
    # A pipe put in the file's place after the first check would wait for a writer for ever.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
