"""JSON files of many entries: what they must be, and what becomes of an entry that is not."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from seewhy.base.errors import DataError, UsageError
from seewhy.data.files import shown
from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.listing import FileImage
from seewhy.data.narration.records import NarrationRecord, NarrationSource
from seewhy.data.records import Failure
from seewhy.data.segmentation.layout import needed_text

_LONGEST_SHOWN = 60


class Entry(BaseModel):
    """An entry whose further columns are kept as they are."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    @property
    def more(self) -> dict[str, object]:
        """The columns that the layout does not know."""
        return dict(self.model_extra or {})


EntryKind = TypeVar("EntryKind", bound=Entry)


@dataclass(frozen=True)
class ImageFolder:
    """Where the images of a file lie, and how they are read."""

    root: Path
    policy: ReadPolicy = DEFAULT_POLICY

    def reader(self, name: str) -> FileImage:
        """The image of this path below the root; `DataError` `outside` for one that leads out."""
        if not name or ".." in Path(name).parts or Path(name).is_absolute():
            raise DataError("outside", f"{name!r} is no path below the folder of images.")
        return FileImage(self.root / name, self.policy)


@dataclass(frozen=True)
class EntryFile:
    """One JSON file; `kind` and `wanted` say in messages what it should be."""

    path: Path
    kind: str
    wanted: str

    def mapping(self) -> dict[str, object]:
        """The entries of a JSON object by their keys; `UsageError` if it is something else."""
        found = self._document()
        if not isinstance(found, dict):
            raise self._refused(f"holds {_named(found)}")
        return found

    def sequence(self) -> list[object]:
        """The entries of a JSON array; `UsageError` if it is something else."""
        found = self._document()
        if not isinstance(found, list):
            raise self._refused(f"holds {_named(found)}")
        return found

    def parsed(self, model: type[EntryKind], item: object, *, key: str) -> EntryKind:
        """One entry, checked; `DataError` `bad_entry` says what is wrong with it."""
        try:
            return model.model_validate(item)
        except ValidationError as error:
            raise self.bad_entry(key, reason(error)) from error

    def bad_entry(self, key: str, finding: str) -> DataError:
        """What to raise for an entry that cannot be used."""
        return DataError(
            "bad_entry",
            f"entry {key!r} of {shown(self.path)}: {finding}. Wanted of {self.kind} is "
            f"{self.wanted}. Mend or remove the entry.",
        )

    def source(self, found: Iterable[NarrationRecord | Failure]) -> NarrationSource:
        """Records and failures apart; `UsageError` where there is no record but failures."""
        records: list[NarrationRecord] = []
        failures: list[Failure] = []
        for each in found:
            if isinstance(each, Failure):
                failures.append(each)
            else:
                records.append(each)
        if failures and not records:
            raise UsageError(
                f"none of the {len(failures)} entries of {shown(self.path)} can be used; the "
                f"first: {failures[0].message}"
            )
        return NarrationSource(self.kind, tuple(records), tuple(failures))

    def _document(self) -> Any:
        text = needed_text(self.path, policy=DEFAULT_POLICY)
        try:
            return json.loads(text, object_pairs_hook=_unrepeated)
        except (ValueError, RecursionError) as error:
            raise self._refused(f"cannot be read: {error}") from error

    def _refused(self, finding: str) -> UsageError:
        return UsageError(
            f"{shown(self.path)} is no {self.kind} file, it {finding}. Wanted is {self.wanted}. "
            "Check the path, or fetch the file again."
        )


def reason(error: ValidationError) -> str:
    """The first thing that is wrong, where it is, and what came."""
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"])) or "the entry"
    came = repr(first["input"])
    shortened = came if len(came) <= _LONGEST_SHOWN else came[:_LONGEST_SHOWN] + "..."
    return f"{place}: {first['msg']}, not {shortened}"


def _unrepeated(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} comes twice; keys must be unique")
    return found


def _named(value: object) -> str:
    match value:
        case dict():
            return "a JSON object"
        case list():
            return "a JSON array"
        case _:
            return f"the value {str(value)[:_LONGEST_SHOWN]!r}"
