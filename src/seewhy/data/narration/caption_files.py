"""Two lists side by side, of images and of captions, to train on before any question."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from seewhy.base.errors import DataError, UsageError
from seewhy.data.files import shown
from seewhy.data.narration.entries import EntryFile, ImageFolder
from seewhy.data.narration.records import NarrationRecord, NarrationSource
from seewhy.data.records import Failure

_PATHS, _CAPTIONS = '["path of an image", ...]', '["caption", ...], one for each image'


def read_caption_corpus(
    paths: Path, captions: Path | None = None, *, images: ImageFolder
) -> NarrationSource:
    """Records with a caption for an explanation, or without one where no captions are given.

    Raises `UsageError` where the lists are not equally long.
    """
    file = EntryFile(paths, "list of images", _PATHS)
    names = file.sequence()
    if captions is None:
        return file.source(_records(file, ((name, ()) for name in names), images))
    texts = EntryFile(captions, "list of captions", _CAPTIONS).sequence()
    if len(names) != len(texts):
        raise UsageError(
            f"{shown(paths)} lists {len(names)} images, {shown(captions)} {len(texts)} captions. "
            "Wanted are as many of both; fetch both again."
        )
    pairs = ((name, (text,)) for name, text in zip(names, texts, strict=True))
    return file.source(_records(file, pairs, images))


def caption_documents(records: Iterable[NarrationRecord]) -> tuple[list[str], list[str]]:
    """The list of images and the list of captions; a record comes once for each caption."""
    pairs = [(record.images[0], text) for record in records for text in record.explanations]
    return [name for name, _ in pairs], [text for _, text in pairs]


def _records(
    file: EntryFile, pairs: Iterable[tuple[object, tuple[object, ...]]], images: ImageFolder
) -> Iterator[NarrationRecord | Failure]:
    for number, (name, captions) in enumerate(pairs):
        try:
            yield _record(file, str(number), name, captions=captions, images=images)
        except DataError as error:
            yield Failure(str(number), error.code, str(error))


def _record(
    file: EntryFile,
    key: str,
    name: object,
    *,
    captions: tuple[object, ...],
    images: ImageFolder,
) -> NarrationRecord:
    texts = [text for text in captions if isinstance(text, str)]
    if not isinstance(name, str) or len(texts) < len(captions):
        raise file.bad_entry(key, f"{(name, *captions)!r:.60} are not texts")
    return NarrationRecord(
        id=key,
        task="captions",
        images=(name,),
        question=None,
        votes=(),
        explanations=tuple(texts),
        read=images.reader(name),
    )
