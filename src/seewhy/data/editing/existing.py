"""Captions that some captioner wrote, to be edited: COCO's result lists, and prepared ones."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from seewhy.base.errors import DataError, UsageError
from seewhy.data.editing.karpathy import CaptionedImage
from seewhy.data.editing.records import EditRecord, EditRecords, Words
from seewhy.data.editing.tables import json_table
from seewhy.data.editing.word_maps import UNKNOWN, word_ids
from seewhy.data.files import shown
from seewhy.data.narration.entries import Entry, EntryFile, ImageFolder
from seewhy.data.records import Failure

LONGEST = 18
"""Words of an existing caption that the published preparation keeps."""

_LIST, _LIST_WANTED = (
    "list of captions",
    '[{"image_id": 100, "caption": "a caption", "file_name": "val2014\\\\name.jpg"}, ...], '
    "the names of files as they may be missing",
)
_UTILITIES, _UTILITIES_WANTED = (
    "prepared existing captions",
    '{"name.jpg": {"caption": "a caption", "encoded_previous_caption": [4, 7, 0, ...], '
    '"previous_caption_length": [2], "image_ids": 100}, ...}',
)
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*|<unk>")


@dataclass(frozen=True)
class ExistingCaption:
    """A caption as it came; `file_name` is the image's without folders, None where it is not told.

    A prepared one may hold word `ids`, without start and end, an embedding of the `sentence` and
    `attributes`, word ids that go with the image.
    """

    image_id: str
    caption: str
    file_name: str | None = None
    path: str | None = None
    ids: tuple[int, ...] = ()
    sentence: tuple[float, ...] | None = None
    attributes: tuple[int, ...] = ()

    @property
    def words(self) -> Words:
        """The words as the published preparation takes them: cut at blanks."""
        return tuple(self.caption.split())


@dataclass(frozen=True)
class ExistingCaptions:
    """The captions of a file and the entries that are none."""

    captions: Sequence[ExistingCaption]
    failures: tuple[Failure, ...] = ()

    def by_name(self) -> dict[str, ExistingCaption]:
        """The captions by the names of their images' files; those without are left out."""
        return {each.file_name: each for each in self.captions if each.file_name}


def caption_words(text: str) -> Words:
    """Lower-case words of a caption that anybody wrote, without marks.

    >>> caption_words("A man's red T-shirt, on a chair.")
    ('a', "man's", 'red', 't-shirt', 'on', 'a', 'chair')
    """
    return tuple(_WORD.findall(text.lower().replace("\u2019", "'")))


def plain_name(path: str) -> str:
    r"""The last part of a path with slashes of either kind.

    >>> plain_name("val2014\\COCO_val2014_000000000042.jpg")
    'COCO_val2014_000000000042.jpg'
    """
    return re.split(r"[\\/]", path)[-1]


def read_existing(path: Path) -> ExistingCaptions:
    """A list of captions, one for each image; a broken or repeated entry becomes a failure.

    Raises `UsageError` for another kind of file, and where no entry can be used.
    """
    file = EntryFile(path, _LIST, _LIST_WANTED)
    found: dict[str, ExistingCaption] = {}
    failures: list[Failure] = []
    for number, entry in enumerate(file.sequence()):
        try:
            caption = _listed(file, entry, str(number))
            if caption.image_id in found:
                raise file.bad_entry(str(number), f"image {caption.image_id} comes twice")
            found[caption.image_id] = caption
        except DataError as error:
            failures.append(Failure(str(number), error.code, str(error)))
    if not found:
        first = failures[0].message if failures else "it lists no caption."
        raise UsageError(f"no entry of {shown(path)} can be used: {first}")
    return ExistingCaptions(tuple(found.values()), tuple(failures))


def existing_document(captions: Iterable[ExistingCaption]) -> list[dict[str, object]]:
    """The same list again; ids that are whole numbers are written as such."""
    return [
        {
            "image_id": int(each.image_id) if _is_number(each.image_id) else each.image_id,
            "caption": each.caption,
            **({} if each.path is None else {"file_name": each.path}),
        }
        for each in captions
    ]


def caption_utilities(
    names: Iterable[str],
    existing: Mapping[str, ExistingCaption],
    ids: Mapping[str, int],
    *,
    longest: int = LONGEST,
) -> dict[str, dict[str, object]]:
    """The prepared captions of these files, as the published training reads them.

    A longer caption is cut, and one without a word is a single unknown one. Raises `UsageError`
    where a file has no caption.
    """
    wanted = list(names)
    missing = [name for name in wanted if name not in existing]
    if missing:
        raise UsageError(
            f"{len(missing)} of {len(wanted)} images have no existing caption, such as "
            f"{missing[0]!r}. Give a caption for every image."
        )
    return {name: _utility(existing[name], ids, longest) for name in wanted}


def read_utilities(path: Path) -> ExistingCaptions:
    """Prepared captions by name, of either publication; a broken entry becomes a failure."""
    table = json_table(path, kind=_UTILITIES, wanted=_UTILITIES_WANTED)
    file = EntryFile(path, _UTILITIES, _UTILITIES_WANTED)
    captions: list[ExistingCaption] = []
    failures: list[Failure] = []
    for name, entry in table.items():
        try:
            captions.append(_prepared(file, entry, name))
        except DataError as error:
            failures.append(Failure(name, error.code, str(error)))
    if not captions:
        first = failures[0].message if failures else "it holds no caption."
        raise UsageError(f"no entry of {shown(path)} can be used: {first}")
    return ExistingCaptions(tuple(captions), tuple(failures))


def edits_of(
    images: Iterable[CaptionedImage],
    existing: Mapping[str, ExistingCaption],
    *,
    folder: ImageFolder | None = None,
) -> EditRecords:
    """A record for each image; one without an existing caption becomes a failure."""
    records: list[EditRecord] = []
    failures: list[Failure] = []
    for image in images:
        caption = existing.get(image.file_name)
        try:
            if caption is None:
                raise DataError("missing", f"{image.file_name} has no existing caption.")
            records.append(
                EditRecord(
                    id=image.file_name,
                    caption=caption.words or (UNKNOWN,),
                    truths=image.captions,
                    read=None if folder is None else folder.reader(image.path),
                )
            )
        except DataError as error:
            failures.append(Failure(image.file_name, error.code, str(error)))
    return EditRecords("existing captions", tuple(records), tuple(failures))


class _Listed(Entry):
    image_id: int | str
    caption: str
    file_name: str | None = None


class _Prepared(Entry):
    caption: str
    encoded_previous_caption: list[int]
    previous_caption_length: list[int]
    image_ids: int | str
    embedding: list[float] | None = None
    attributes: list[int] = Field(default_factory=list)


def _listed(file: EntryFile, entry: object, key: str) -> ExistingCaption:
    found = file.parsed(_Listed, entry, key=key)
    name = None if found.file_name is None else plain_name(found.file_name)
    return ExistingCaption(str(found.image_id), found.caption, name or None, path=found.file_name)


def _prepared(file: EntryFile, entry: object, name: str) -> ExistingCaption:
    found = file.parsed(_Prepared, entry, key=name)
    lengths, ids = found.previous_caption_length, found.encoded_previous_caption
    if len(lengths) != 1 or not 0 < lengths[0] <= len(ids) or min(ids) < 0:
        raise file.bad_entry(name, f"{lengths!r:.40} is no length of {len(ids)} word ids")
    return ExistingCaption(
        image_id=str(found.image_ids),
        caption=found.caption,
        file_name=name,
        ids=tuple(ids[: lengths[0]]),
        sentence=None if found.embedding is None else tuple(found.embedding),
        attributes=tuple(found.attributes),
    )


def _utility(caption: ExistingCaption, ids: Mapping[str, int], longest: int) -> dict[str, object]:
    encoded = word_ids((caption.words or (UNKNOWN,))[:longest], ids)
    return {
        "caption": caption.caption,
        "encoded_previous_caption": encoded + [0] * (longest - len(encoded)),
        "previous_caption_length": [len(encoded)],
        "image_ids": int(caption.image_id) if _is_number(caption.image_id) else caption.image_id,
    }


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and str(int(text)) == text
