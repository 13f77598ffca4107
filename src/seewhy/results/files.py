"""Files that are whole or absent, under names made by us, and strict in what they hold."""

import csv
import hashlib
import io
import json
import os
import re
import secrets
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seewhy.base.errors import InternalError, UsageError

if TYPE_CHECKING:
    import pyarrow

_LONGEST_SLUG = 64
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_RESERVED = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def output_folder(path: str | Path) -> Path:
    """The folder to write into, made if missing; refuses a file and a symbolic link."""
    folder = Path(path)
    if folder.is_symlink():
        raise UsageError(
            f"the output folder {folder} is a symbolic link. Name the folder that it points to."
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"the output folder {folder} is a file. Name a folder, or a new name.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the output folder {folder}: {_reason(error)}.") from error
    return folder


def output_path(folder: Path, *names: str) -> Path:
    """A path below an output folder, its folders made; refuses to leave it, also by a link."""
    path = folder.joinpath(*names)
    home = folder.resolve()
    if not names or path.is_symlink() or home not in path.resolve().parents:
        raise UsageError(
            f"{path} leads out of the output folder {folder}, or is a symbolic link. "
            "Remove the link, or name another output folder."
        )
    output_folder(path.parent)
    return path


def safe_slug(name: str) -> str:
    """A file name of lower-case letters, digits and dashes, made from any text.

    A name that had to change ends in a hash of the original, so distinct names stay distinct.

    >>> safe_slug("layer4")
    'layer4'
    """
    if len(name) <= _LONGEST_SLUG and _SLUG.fullmatch(name) and not _RESERVED.fullmatch(name):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[: _LONGEST_SLUG - 16].strip("-")
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{slug or 'unnamed'}-{digest}"


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A temporary file in the same folder that takes the place of `path` when all went well.

    It is flushed to the disk before it is renamed; after an error nothing is left of it.
    """
    temporary = path.with_name(f".seewhy-{secrets.token_hex(8)}.part")
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {_reason(error)}. Check space and permissions, or name "
            "another output folder."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> Path:
    """Write a file whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_bytes(data)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text whole or not at all; lone surrogates become visible escapes."""
    return write_bytes(path, text.encode("utf-8", "backslashreplace"))


def strict_json(value: Any) -> str:
    """JSON that every reader accepts: no NaN or Infinity, no lone surrogates, a final newline."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, indent=2)
    except ValueError as error:
        raise InternalError(
            f"a result cannot be written as strict JSON ({error}); null with a reason is wanted."
        ) from error
    return _LONE_SURROGATE.sub(lambda match: f"\\\\u{ord(match[0]):04x}", text) + "\n"


def write_json(path: Path, value: Any) -> Path:
    """Write strict JSON whole or not at all."""
    return write_text(path, strict_json(value))


def write_table(path: Path, table: "pyarrow.Table", *, schema: str) -> Path:
    """Write a Parquet table; `schema`, such as "seewhy.images/1", goes into its metadata."""
    import pyarrow.parquet

    metadata = {**(table.schema.metadata or {}), b"seewhy.schema": schema.encode()}
    with atomic_file(path) as temporary:
        pyarrow.parquet.write_table(
            table.replace_schema_metadata(metadata), temporary, compression="zstd"
        )
    return path


def harmless_cell(cell: object) -> object:
    """Text that a spreadsheet would run gets a leading quote mark; numbers keep their sign."""
    is_formula = isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA_STARTS)
    return f"'{cell}" if is_formula else cell


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Write rows with equal keys; text that a spreadsheet would run gets a leading quote mark."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([harmless_cell(name) for name in (rows[0] if rows else ())])
    writer.writerows([harmless_cell(cell) for cell in row.values()] for row in rows)
    return write_text(path, buffer.getvalue())


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes in hexadecimal, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
