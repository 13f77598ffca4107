"""Texts and references in the files of the COCO caption evaluation."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from seewhy.base.errors import UsageError
from seewhy.data.files import shown

RESULTS = 'a list of {"image_id": ..., "caption": "..."}, one for each image'
REFERENCES = 'an object with "annotations": a list of {"image_id": ..., "caption": "..."}'

Parsed = TypeVar("Parsed", bound=BaseModel)

_NAMED_KEYS = 3


class Caption(BaseModel):
    """One text of one image; other fields are passed over."""

    model_config = ConfigDict(strict=True, extra="ignore")

    image_id: int | str
    caption: str


class _Results(RootModel[list[Caption]]):
    pass


class _References(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    annotations: list[Caption]


@dataclass(frozen=True)
class Paired:
    """The texts that have references, and the names of what lacks the other."""

    texts: Mapping[str, str]
    without_reference: tuple[str, ...]
    without_result: tuple[str, ...]


def read_results(path: Path) -> dict[str, str]:
    """The text of each id; ids become strings, so 7 and "7" are one.

    Raises `UsageError` for a file that is unlike it, and for an id with two texts.
    """
    captions = checked(_Results, read_json(path), path=path, wanted=RESULTS).root
    found = {str(each.image_id): each.caption for each in captions}
    if len(found) < len(captions):
        names = [str(each.image_id) for each in captions]
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(
            f"{shown(path)} holds {len(captions)} texts of {len(found)} ids; {twice} comes twice. "
            "Keep one text of each."
        )
    return found


def read_references(path: Path) -> dict[str, list[str]]:
    """The references of each id, in the order of the file; ids become strings."""
    return references_of(read_json(path), path=path)


def references_of(document: object, *, path: Path) -> dict[str, list[str]]:
    """The same of a file already read."""
    held = checked(_References, document, path=path, wanted=REFERENCES)
    found: dict[str, list[str]] = {}
    for each in held.annotations:
        found.setdefault(str(each.image_id), []).append(each.caption)
    return found


def paired(results: Mapping[str, str], references: Collection[str]) -> Paired:
    """What can be scored; `UsageError` where no id is in both."""
    known = set(references)
    texts = {name: text for name, text in results.items() if name in known}
    if not texts:
        raise UsageError(
            f"none of the {len(results)} results{_example(list(results))} is among the "
            f"{len(known)} ids with references{_example(sorted(known))}. Give files of the same "
            "data set."
        )
    return Paired(
        texts,
        tuple(name for name in results if name not in known),
        tuple(name for name in references if name not in results),
    )


def read_json(path: Path) -> object:
    """What a JSON file holds; `UsageError` where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"{shown(path)} cannot be read as JSON: {reason}. Check the path, or write the file "
            "again."
        ) from error


def checked(model: type[Parsed], found: object, *, path: Path, wanted: str) -> Parsed:
    """The value as this model; `UsageError` says where it is something else."""
    try:
        return model.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = " of ".join(repr(each) for each in reversed(first["loc"])) or "the whole"
        raise UsageError(
            f"{shown(path)} holds {_named(found)}, and {place} is wrong: {first['msg'].lower()}. "
            f"Wanted is {wanted}."
        ) from error


def _example(names: Sequence[str]) -> str:
    return f" (such as {names[0]})" if names else ""


def _named(found: object) -> str:
    match found:
        case list():
            return f"a list of {len(found)}"
        case dict():
            keys = ", ".join(map(repr, list(found)[:_NAMED_KEYS]))
            return f"an object of {len(found)} keys ({keys})"
        case _:
            return type(found).__name__
