"""One safetensors file holds a result: arrays as tensors, all else as JSON in its header."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from seewhy.base.errors import UsageError
from seewhy.results.files import strict_json, write_bytes
from seewhy.results.parts import PART_KINDS, Part, part_fields, part_kind

SCHEMA = "seewhy.explanation/1"
MAX_FILE_BYTES = 1 << 30
MAX_PARTS = 10_000

_HEADER_KEY = "seewhy"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class StoredPart(_Record):
    """A part's kind and its fields that are not arrays."""

    kind: str
    fields: dict[str, str | list[str]]


class StoredExplanation(_Record):
    """The header of an explanation's file."""

    schema_version: str
    target: str
    score: float | None
    provenance: dict[str, str]
    parts: list[StoredPart]


@dataclass(frozen=True)
class PackedParts:
    """Parts taken apart for a file; array names are "<position of the part>.<field>"."""

    parts: list[StoredPart]
    arrays: dict[str, np.ndarray]


def pack_parts(parts: Sequence[Part]) -> PackedParts:
    """Take parts apart into what the header and the tensors of a file hold."""
    stored, arrays = [], {}
    for number, part in enumerate(parts):
        texts: dict[str, str | list[str]] = {}
        for name, value in part_fields(part).items():
            if isinstance(value, np.ndarray):
                arrays[f"{number}.{name}"] = value
            else:
                texts[name] = value if isinstance(value, str) else list(value)
        stored.append(StoredPart(kind=part_kind(part), fields=texts))
    return PackedParts(stored, arrays)


def unpack_parts(packed: PackedParts) -> tuple[Part, ...]:
    """Put parts together again; raises `UsageError` for what does not fit together."""
    if len(packed.parts) > MAX_PARTS:
        raise UsageError(f"{len(packed.parts)} parts; at most {MAX_PARTS} are read.")
    arrays: list[dict[str, np.ndarray]] = [{} for _ in packed.parts]
    for key, array in packed.arrays.items():
        number, _, name = key.partition(".")
        if not (number.isascii() and number.isdigit() and int(number) < len(arrays)):
            raise UsageError(f"the array {key!r} belongs to no part.")
        arrays[int(number)][name] = array
    return tuple(_unpack_part(part, own) for part, own in zip(packed.parts, arrays, strict=True))


def write_explanation(
    path: Path, header: StoredExplanation, arrays: Mapping[str, np.ndarray]
) -> Path:
    """Write header and arrays whole or not at all; equal input gives equal bytes."""
    metadata = {_HEADER_KEY: strict_json(header.model_dump())}
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return write_bytes(path, save(contiguous, metadata))


def read_explanation(path: Path) -> tuple[StoredExplanation, dict[str, np.ndarray]]:
    """Read and check a file; raises `UsageError`, saying why, for anything malformed."""
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise UsageError(f"{path} has {size} bytes; at most {MAX_FILE_BYTES} are read.")
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            header = StoredExplanation.model_validate(json.loads(metadata[_HEADER_KEY]))
            if header.schema_version != SCHEMA:
                raise UsageError(
                    f"{path} has schema {header.schema_version!r}; this version reads {SCHEMA!r}. "
                    "Read it with the version of seewhy that wrote it, or write it again."
                )
            return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}.") from error
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        why = (
            f"{error.error_count()} fields are wrong"
            if isinstance(error, ValidationError)
            else type(error).__name__
        )
        raise UsageError(
            f"{path} is not an explanation of seewhy ({why}). Give a file that "
            "`Explanation.save` wrote."
        ) from error


def _unpack_part(stored: StoredPart, arrays: Mapping[str, np.ndarray]) -> Part:
    kind = PART_KINDS.get(stored.kind)
    if kind is None:
        raise UsageError(f"unknown part {stored.kind!r}; known: {', '.join(PART_KINDS)}.")
    texts = {
        name: value if isinstance(value, str) else tuple(value)
        for name, value in stored.fields.items()
    }
    known = {field.name for field in fields(kind)}
    if texts.keys() & arrays.keys() or not texts.keys() | arrays.keys() <= known:
        raise UsageError(
            f"a stored {stored.kind} has the fields {sorted([*texts, *arrays])}; "
            f"it may have {sorted(known)}, each once."
        )
    values: dict[str, Any] = {**texts, **arrays}
    try:
        return kind(**values)
    except TypeError as error:
        raise UsageError(f"a stored {stored.kind} lacks a field: {error}.") from error
