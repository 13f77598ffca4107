"""The folder of one image: its files, and the seal that says they are whole and still right."""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from seewhy.results.files import file_sha256, output_path, safe_slug, write_json

_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\.[a-z0-9]+")
_TEMPORARY = re.compile(r"\.seewhy-[0-9a-f]+\.part")

_log = logging.getLogger(__name__)


class Record(BaseModel):
    """Frozen, strict, and without numbers that JSON does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SealedFile(Record):
    """A file as it was written."""

    name: str
    bytes: int
    sha256: str


class SealedEntry(Record):
    """What was made of an image; `key` is the digest of all that decided it."""

    key: str
    image: str
    width: int
    height: int
    notes: list[str]
    files: list[SealedFile]


Entry = TypeVar("Entry", bound=SealedEntry)


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


def remove_temporary(folder: Path) -> None:
    """Remove the temporary files that a killed run left right in a folder."""
    for path in folder.iterdir():
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Seals(Generic[Entry]):
    """Seals of one job: the name of their file, such as "maps.json", and what they hold."""

    name: str
    kind: type[Entry]

    def write(self, folder: Path, entry: Entry) -> None:
        """Seal the folder; to be called when all its files are written."""
        write_json(folder / self.name, entry.model_dump(mode="json"))

    def read(self, folder: Path) -> Entry | None:
        """The seal of a folder, or None where there is none that can be read."""
        path = folder / self.name
        try:
            return self.kind.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            _log.warning("%s is damaged (%s); it is made again.", path, type(error).__name__)
            return None

    def kept(self, folder: Path, key: str) -> Entry | None:
        """The entry of this key, if it is there and each of its files is as it was written."""
        entry = self.read(folder)
        if entry is None or entry.key != key:
            return None
        return entry if all(_is_whole(folder, each) for each in entry.files) else None

    def empty(self, folder: Path) -> None:
        """Remove what an earlier or killed run left: sealed files, the seal, and temporary ones.

        Nothing else is touched.
        """
        entry = self.read(folder)
        names = [each.name for each in entry.files] if entry else []
        if folder.is_dir():
            names += [each.name for each in folder.iterdir() if _TEMPORARY.fullmatch(each.name)]
        for name in (self.name, *names):
            if _NAME.fullmatch(name) or _TEMPORARY.fullmatch(name):
                (folder / name).unlink(missing_ok=True)


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
