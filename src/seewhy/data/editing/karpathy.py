"""Captions with the splits of Karpathy and Fei-Fei, as `dataset_coco.json` holds them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seewhy.base.errors import DataError, UsageError
from seewhy.data.editing.records import Words
from seewhy.data.files import shown
from seewhy.data.narration.entries import Entry, EntryFile
from seewhy.data.records import Failure

KarpathySplit = Literal["train", "restval", "val", "test"]
CaptionSplit = Literal["train", "validation", "test"]

_KIND = "Karpathy split"
_WANTED = (
    '{"images": [{"filename": "name.jpg", "filepath": "val2014", "split": "train" or "restval" or '
    '"val" or "test", "sentences": [{"tokens": ["a", "word", ...]}, ...]}, ...]}'
)
_PARTS: dict[str, CaptionSplit] = {
    "train": "train", "restval": "train", "val": "validation", "test": "test",
}  # fmt: skip


@dataclass(frozen=True)
class CaptionedImage:
    """An image and its captions; `id` is COCO's, or the file's name where it is no COCO image."""

    id: str
    file_name: str
    folder: str
    split: KarpathySplit
    captions: tuple[Words, ...]

    @property
    def part(self) -> CaptionSplit:
        """What the image serves for: "restval" is to train on."""
        return _PARTS[self.split]

    @property
    def path(self) -> str:
        """Its path below the folder of images."""
        return f"{self.folder}/{self.file_name}" if self.folder else self.file_name


@dataclass(frozen=True)
class CaptionedImages:
    """The images of a file and the entries that are none."""

    images: Sequence[CaptionedImage]
    failures: tuple[Failure, ...] = ()

    def of(self, part: CaptionSplit) -> list[CaptionedImage]:
        """Those of one part, in their order."""
        return images_of(self.images, part)


def images_of(images: Iterable[CaptionedImage], part: CaptionSplit) -> list[CaptionedImage]:
    """Those of one part, in their order."""
    return [image for image in images if image.part == part]


def read_karpathy(path: Path) -> CaptionedImages:
    """Every image of a file; a broken entry becomes a failure.

    Raises `UsageError` for another kind of file, and where no entry can be used.
    """
    file = EntryFile(path, _KIND, _WANTED)
    entries = file.mapping().get("images")
    if not isinstance(entries, list):
        raise UsageError(
            f"{shown(path)} has no list of images under 'images'. Wanted is {_WANTED}."
        )
    images: dict[str, CaptionedImage] = {}
    failures: list[Failure] = []
    for number, entry in enumerate(entries):
        try:
            image = _image(file, entry, str(number))
            if image.file_name in images:
                raise file.bad_entry(str(number), f"{image.file_name!r} comes twice")
            images[image.file_name] = image
        except DataError as error:
            failures.append(Failure(str(number), error.code, str(error)))
    if not images:
        first = failures[0].message if failures else "it lists no image."
        raise UsageError(f"no entry of {shown(path)} can be used: {first}")
    return CaptionedImages(tuple(images.values()), tuple(failures))


class _Sentence(Entry):
    tokens: list[str]


class _Image(Entry):
    filename: str
    split: KarpathySplit
    sentences: list[_Sentence]
    filepath: str = ""
    cocoid: int | None = None


def _image(file: EntryFile, entry: object, key: str) -> CaptionedImage:
    found = file.parsed(_Image, entry, key=key)
    captions = tuple(tuple(each.tokens) for each in found.sentences if each.tokens)
    if not found.filename or not captions:
        raise file.bad_entry(key, "it has no name, or no caption with a word in it")
    return CaptionedImage(
        id=found.filename if found.cocoid is None else str(found.cocoid),
        file_name=found.filename,
        folder=found.filepath,
        split=found.split,
        captions=captions,
    )
