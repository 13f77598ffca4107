"""A folder of parts by key: what is in it is whole, and what is not whole is not in it."""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from seewhy.base.errors import InternalError, UsageError
from seewhy.passes.shards import Part
from seewhy.results.files import atomic_file, file_sha256, output_folder, write_json

SCHEMA: Final = "seewhy.part/1"

_KEY = re.compile("[0-9a-f]{64}")
# The second is what safetensors writes before it renames.
_TEMPORARY = re.compile(r"\.seewhy-[0-9a-f]+\.(part|run)|\.tmp[0-9A-Za-z]{6}")
_FACTS = "facts"
_LOCK = "lock"
_DTYPES = frozenset(
    {"bool", "float16", "float32", "float64"}
    | {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
)

_log = logging.getLogger(__name__)


class _Manifest(BaseModel):
    """The seal of a part, written after it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_version: Literal["seewhy.part/1"]
    sha256: str
    bytes: int


class Store:
    """Parts in a folder, which is made when it is first written to.

    A part is <key>.safetensors, sealed by <key>.json with its size and SHA-256. Keys are 64
    hexadecimal digits. Nothing but such files and their temporary ones is ever removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder).absolute()
        self._verified: dict[str, tuple[int, int]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self.folder,)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Hold the folder for one run, and remove what writers that were killed left in it.

        Raises `UsageError` at once when another run holds it.
        """
        output_folder(self.folder)
        lock = FileLock(self.folder / _LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(
                f"the folder {self.folder} is in use by another run. Wait for it, or name "
                "another folder."
            ) from None
        except OSError as error:
            raise UsageError(f"cannot lock the folder {self.folder}: {error.strerror}.") from error
        try:
            self._sweep()
            yield
        finally:
            lock.release()

    def save(self, key: str, part: Part) -> None:
        """Write a part whole or not at all; raises `InternalError` for what would not come back."""
        if not _KEY.fullmatch(key):
            raise InternalError(f"a part's key is 64 hexadecimal digits, not {key!r}.")
        output_folder(self.folder)
        tensors = _tensors(part)
        path = self._arrays(key)
        try:
            with atomic_file(path) as temporary:
                save_file(tensors, temporary)
                digest, size = file_sha256(temporary), temporary.stat().st_size
        except SafetensorError as error:
            raise UsageError(
                f"cannot write {path}: {error}. Check space and permissions, or name another "
                "folder."
            ) from error
        seal = _Manifest(schema_version=SCHEMA, sha256=digest, bytes=size)
        write_json(self._manifest(key), seal.model_dump())
        self._verified[key] = _state(path)

    def load(self, key: str) -> Part | None:
        """The part, its hash checked, or None when it is absent; what is damaged is removed.

        The arrays are mapped from the file. They may be written to, which the file never sees.
        """
        self._verified.pop(key, None)
        if not self.has(key):
            return None
        try:
            return _part(self._arrays(key))
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            self._reject(key, f"{type(error).__name__}: {error}")
            return None

    def has(self, key: str) -> bool:
        """Whether a part is there and whole; read through only once unless the file changes."""
        path, seal = self._arrays(key), self._manifest(key)
        if not path.exists() and not seal.exists():
            return False
        try:
            state = _state(path)
            if self._verified.get(key) != state or not seal.exists():
                _check(path, _Manifest.model_validate_json(seal.read_bytes()))
        except (OSError, ValueError) as error:
            self._reject(key, f"{type(error).__name__}: {error}")
            return False
        self._verified[key] = state
        return True

    def found_keys(self) -> list[str]:
        """The keys of all parts that seem to be there, sorted; `load` tells which are whole."""
        return sorted({path.stem for path in self._files()})

    def remove(self, key: str) -> None:
        """Remove a part, its seal first; nothing happens when it is absent."""
        self._verified.pop(key, None)
        for path in (self._manifest(key), self._arrays(key)):
            _unlink(path)

    def clear(self) -> None:
        """Remove all parts."""
        for path in self._files():
            self.remove(path.stem)

    def remove_if_empty(self) -> None:
        """Remove the folder when nothing is left in it and no run holds it."""
        if not self.folder.is_dir():
            return
        try:
            with self.in_use():
                if [path.name for path in self.folder.iterdir()] == [_LOCK]:
                    (self.folder / _LOCK).unlink()
                    self.folder.rmdir()
        except (OSError, UsageError) as error:
            _log.info("%s stays: %s", self.folder, error)

    def _arrays(self, key: str) -> Path:
        return self.folder / f"{key}.safetensors"

    def _manifest(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _files(self) -> list[Path]:
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return [
            path
            for path in found
            if path.suffix in (".safetensors", ".json") and _KEY.fullmatch(path.stem)
        ]

    def _reject(self, key: str, reason: str) -> None:
        _log.warning("%s holds a damaged part %s (%s); removed.", self.folder, key, reason)
        self.remove(key)

    def _sweep(self) -> None:
        """Temporary files, and halves of parts."""
        for path in self.folder.iterdir():
            if _TEMPORARY.fullmatch(path.name):
                _unlink(path)
        for path in self._files():
            if not (self._arrays(path.stem).exists() and self._manifest(path.stem).exists()):
                _unlink(path)


def _tensors(part: Part) -> dict[str, np.ndarray]:
    """Arrays by number; names and facts as text in an array of their own."""
    wrong = {
        name: array.dtype for name, array in part.arrays.items() if array.dtype.name not in _DTYPES
    }
    if wrong:
        raise InternalError(f"arrays of these types cannot be stored: {wrong}.")
    content = {"names": list(part.arrays), "facts": dict(part.facts)}
    try:
        text = json.dumps(content, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InternalError(f"the facts of a part are not strict JSON: {error}.") from error
    if json.loads(text) != content:
        raise InternalError(
            "the facts of a part would not read back equal: keys that are no text, or tuples."
        )
    arrays = enumerate(part.arrays.values())
    return {str(number): np.asarray(array, order="C") for number, array in arrays} | {
        _FACTS: np.frombuffer(text.encode(), dtype=np.uint8)
    }


def _part(path: Path) -> Part:
    # Only torch's tensors are mapped; numpy's would be copies.
    with safe_open(path, framework="pt") as file:
        content: Mapping[str, Any] = json.loads(file.get_tensor(_FACTS).numpy().tobytes())
        arrays = {
            name: file.get_tensor(str(number)).numpy()
            for number, name in enumerate(content["names"])
        }
    return Part(arrays, content["facts"])


def _check(path: Path, seal: _Manifest) -> None:
    size = path.stat().st_size
    if size != seal.bytes:
        raise ValueError(f"{size} bytes instead of {seal.bytes}")
    if file_sha256(path) != seal.sha256:
        raise ValueError("the SHA-256 does not agree")


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("cannot remove %s: %s.", path, error.strerror)
