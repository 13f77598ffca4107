"""Captions to be edited and their images: one of each, or a file in the form of COCO results."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from seewhy.base.errors import UsageError
from seewhy.data.editing.records import RegionBox
from seewhy.data.files import name_as_text, shown
from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.listing import FileImage
from seewhy.data.records import Failure, ImageRecord
from seewhy.evaluation.captions.files import checked, read_json

FORM = 'a list of {"image_id": ..., "caption": "..."} with, if wanted, "file_name" and "boxes"'

_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".mpo")
)
_LAST_NUMBER = re.compile(r"(\d+)$")


@dataclass(frozen=True)
class CaptionedImage:
    """An image that is not read yet, and its caption.

    `image_id` is as the file has it, a number or a text. `boxes` are regions in pixels (left, top,
    right, bottom), or as fractions where `is_relative`; None where nobody gave any. `file_name` is
    what the file has, `found` the name of the image file.
    """

    image_id: int | str
    caption: str
    record: ImageRecord
    boxes: tuple[RegionBox, ...] | None = None
    is_relative: bool = False
    file_name: str | None = None
    found: str | None = None

    def fractions(self, size: tuple[int, int]) -> tuple[RegionBox, ...] | None:
        """The boxes as fractions of the image's sides."""
        if self.boxes is None or self.is_relative:
            return self.boxes
        width, height = size
        return tuple(
            (left / width, top / height, right / width, bottom / height)
            for left, top, right, bottom in self.boxes
        )

    @cached_property
    def facts(self) -> str:
        """What decides the result beside image and editor, as text."""
        content = json.dumps([self.caption, self.boxes, self.is_relative])
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class CaptionedImages:
    """What is to be edited, and what never became an image; `notes` are sentences."""

    name: str
    items: Sequence[CaptionedImage]
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    image_id: int | str
    caption: str
    file_name: str | None = None
    boxes: list[Annotated[list[float], Field(min_length=4, max_length=4)]] | None = None


class _Entries(RootModel[list[Any]]):
    pass


def one_caption(
    image: Path,
    caption: str,
    *,
    boxes: Sequence[RegionBox] | None = None,
    policy: ReadPolicy = DEFAULT_POLICY,
) -> CaptionedImages:
    """One image with its caption; boxes are in pixels. `UsageError` if the file is not there."""
    if not image.is_file():
        raise UsageError(f"{shown(image)} is no file. Give the image that the caption is about.")
    name = name_as_text(Path(image.name))
    item = CaptionedImage(
        name,
        caption,
        ImageRecord(name, FileImage(image, policy)),
        None if boxes is None else tuple(boxes),
        file_name=name,
    )
    return CaptionedImages(name_as_text(image), (item,))


def read_captions(
    path: Path, images: Path, *, policy: ReadPolicy = DEFAULT_POLICY
) -> CaptionedImages:
    """The captions of a file and their images below a folder.

    An image is found by its `file_name`, whose slashes may be backslashes and whose folders may be
    left out, or else by a file name that is the id or ends in it, as COCO_val2014_000000000042.jpg
    does in 42. An entry that is none, and an image that is not found or is found twice, is a
    failure of its own. Raises `UsageError` for another kind of file, for one without any entry,
    for an id that comes twice, and for a folder that is not there.
    """
    if not images.is_dir():
        raise UsageError(f"{shown(images)} is no folder. Name the one that holds the images.")
    content = checked(_Entries, read_json(path), path=path, wanted=FORM).root
    entries = [_entry(each, number) for number, each in enumerate(content)]
    known = [each for each in entries if isinstance(each, _Entry)]
    if not known:
        first = next((f" {each.message}" for each in entries if isinstance(each, Failure)), "")
        raise UsageError(f"{shown(path)} holds no caption.{first} Wanted is {FORM}.")
    _check_ids(path, [str(each.image_id) for each in known])
    shelf = _Shelf(images)
    found = [each if isinstance(each, Failure) else _found(each, shelf, policy) for each in entries]
    return CaptionedImages(
        name_as_text(path),
        tuple(each for each in found if isinstance(each, CaptionedImage)),
        tuple(each for each in found if isinstance(each, Failure)),
    )


def _entry(content: object, number: int) -> _Entry | Failure:
    try:
        return _Entry.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        message = f"in entry {number} {place} is wrong: {first['msg'].lower()}."
        return Failure(f"entry {number}", "bad_entry", message)


def _check_ids(path: Path, names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise UsageError(
            f"{shown(path)} holds {len(names)} captions of {len(set(names))} images; {twice} comes "
            "twice. Keep one caption of each image, or edit them in two files."
        )


def _found(entry: _Entry, shelf: "_Shelf", policy: ReadPolicy) -> CaptionedImage | Failure:
    name = str(entry.image_id)
    paths = shelf.named(entry.file_name) if entry.file_name else shelf.numbered(name)
    what = f"the file {entry.file_name!r}" if entry.file_name else f"a file of the id {name!r}"
    if not paths:
        return Failure(name, "missing", f"{what} is not below {shown(shelf.folder)}.")
    if len(paths) > 1:
        several = ", ".join(shown(each.name) for each in paths[:3])
        return Failure(name, "ambiguous", f"{what} is found {len(paths)} times: {several}.")
    return CaptionedImage(
        entry.image_id,
        entry.caption,
        ImageRecord(name, FileImage(paths[0], policy)),
        None if entry.boxes is None else tuple(map(_box, entry.boxes)),
        file_name=entry.file_name,
        found=paths[0].name,
    )


@dataclass(frozen=True)
class _Shelf:
    """The image files below a folder, by their names and by their numbers."""

    folder: Path

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        return tuple(
            path for path in sorted(self.folder.rglob("*")) if path.suffix.lower() in _SUFFIXES
        )

    @cached_property
    def names(self) -> Mapping[str, list[Path]]:
        return _grouped((path.name, path) for path in self.paths)

    @cached_property
    def stems(self) -> Mapping[str, list[Path]]:
        return _grouped((path.stem, path) for path in self.paths)

    @cached_property
    def numbers(self) -> Mapping[str, list[Path]]:
        ends = ((_LAST_NUMBER.search(path.stem), path) for path in self.paths)
        return _grouped((end[1].lstrip("0"), path) for end, path in ends if end)

    def named(self, name: str) -> list[Path]:
        """The files that a name can mean: the one at its place, else those of its last part."""
        parts = PurePosixPath(name.replace("\\", "/"))
        place = self.folder / parts
        return [place] if place in self._set else self.names.get(parts.name, [])

    def numbered(self, name: str) -> list[Path]:
        """The files whose name is an id, else those that end in its number."""
        if found := self.names.get(name) or self.stems.get(name):
            return found
        is_number = name.isascii() and name.isdigit()
        return self.numbers.get(name.lstrip("0"), []) if is_number else []

    @cached_property
    def _set(self) -> frozenset[Path]:
        return frozenset(self.paths)


def _box(edges: Sequence[float]) -> RegionBox:
    left, top, right, bottom = edges
    return left, top, right, bottom


def _grouped(pairs: Iterable[tuple[str, Path]]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for key, path in pairs:
        found.setdefault(key, []).append(path)
    return found
