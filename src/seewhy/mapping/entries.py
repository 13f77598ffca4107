"""The folder of one image: its files, and the seal that says they are whole and still right."""

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from seewhy.results.files import file_sha256, output_path, safe_slug, write_json

SCHEMA: Final = "seewhy.image-maps/1"
SEAL = "maps.json"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\.[a-z0-9]+")
_TEMPORARY = re.compile(r"\.seewhy-[0-9a-f]+\.part")

_log = logging.getLogger(__name__)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class MapRow(_Record):
    """One map in figures; the place of its highest patch is in pixels, x to the right, y down.

    A map that no gradient reaches has none but the similarity of the whole image.
    """

    image: str
    text: str
    method: str
    similarity: float
    low: float | None
    high: float | None
    x: int | None
    y: int | None
    positive: float | None
    picture: str


class SealedFile(_Record):
    """A file as it was written."""

    name: str
    bytes: int
    sha256: str


class ImageEntry(_Record):
    """What was made of an image; `key` is the digest of all that decided it."""

    schema_version: Literal["seewhy.image-maps/1"] = SCHEMA
    key: str
    image: str
    width: int
    height: int
    notes: list[str]
    rows: list[MapRow]
    files: list[SealedFile]


def entry_folder(output: Path, identity: str) -> Path:
    """Where the files of an image lie; different images have different folders."""
    return output_path(output, "images", safe_slug(identity))


def sealed_files(folder: Path, names: Iterable[str]) -> list[SealedFile]:
    """Size and digest of files in a folder."""
    return [
        SealedFile(
            name=name, bytes=(folder / name).stat().st_size, sha256=file_sha256(folder / name)
        )
        for name in names
    ]


def write_entry(folder: Path, entry: ImageEntry) -> None:
    """Seal the folder; to be called when all its files are written."""
    write_json(folder / SEAL, entry.model_dump(mode="json"))


def read_entry(folder: Path) -> ImageEntry | None:
    """The seal of a folder, or None where there is none that can be read."""
    path = folder / SEAL
    try:
        return ImageEntry.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        _log.warning("%s is damaged (%s); it is made again.", path, type(error).__name__)
        return None


def kept_entry(folder: Path, key: str) -> ImageEntry | None:
    """The entry of this key, if it is there and each of its files is as it was written."""
    entry = read_entry(folder)
    if entry is None or entry.key != key:
        return None
    return entry if all(_is_whole(folder, each) for each in entry.files) else None


def empty_folder(folder: Path) -> None:
    """Remove what an earlier or killed run left: sealed files, the seal, and temporary ones.

    Nothing else is touched.
    """
    entry = read_entry(folder)
    names = [each.name for each in entry.files] if entry else []
    if folder.is_dir():
        names += [each.name for each in folder.iterdir() if _TEMPORARY.fullmatch(each.name)]
    for name in (SEAL, *names):
        if _NAME.fullmatch(name) or _TEMPORARY.fullmatch(name):
            (folder / name).unlink(missing_ok=True)


def remove_temporary(folder: Path) -> None:
    """Remove the temporary files that a killed run left right in a folder."""
    for path in folder.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _is_whole(folder: Path, sealed: SealedFile) -> bool:
    path = folder / sealed.name
    try:
        return (
            _NAME.fullmatch(sealed.name) is not None
            and path.stat().st_size == sealed.bytes
            and file_sha256(path) == sealed.sha256
        )
    except OSError:
        return False
