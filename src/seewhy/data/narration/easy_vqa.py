"""The easy-VQA data set: one shape in one colour per image, as its Python package holds it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from seewhy.base.errors import DataError, UsageError
from seewhy.data.images import DEFAULT_POLICY, ReadPolicy
from seewhy.data.narration.entries import EntryFile, ImageFolder, reason
from seewhy.data.narration.records import NarrationRecord, NarrationSource, Vote
from seewhy.data.records import Failure
from seewhy.data.segmentation.layout import needed_lines

_WANTED = '[["question", "answer", number of the image], ...]'
_TRIPLE = TypeAdapter(tuple[str, str, int])


def read_easy_vqa(
    folder: Path, *, split: str = "train", policy: ReadPolicy = DEFAULT_POLICY
) -> NarrationSource:
    """`folder`/<split>/questions.json with the images beside it; answers as in answers.txt.

    There are no reasons. An answer that the list does not have is a failure.
    """
    answers = set(needed_lines(folder / "answers.txt", policy=policy))
    file = EntryFile(folder / split / "questions.json", "easy-VQA", _WANTED)
    images = ImageFolder(folder / split / "images", policy)
    return file.source(_records(file, answers, images))


def easy_vqa_document(records: Iterable[NarrationRecord]) -> list[list[object]]:
    """The list of questions.json; `UsageError` for a record that has no such form."""
    return [_triple(record) for record in records]


def easy_vqa_answers(records: Iterable[NarrationRecord]) -> str:
    """The text of answers.txt, each answer once, in order."""
    answers = dict.fromkeys(vote.text for record in records for vote in record.votes)
    return "".join(f"{answer}\n" for answer in answers)


def _records(
    file: EntryFile, answers: set[str], images: ImageFolder
) -> Iterator[NarrationRecord | Failure]:
    for number, item in enumerate(file.sequence()):
        try:
            record = _record(file, str(number), item, answers=answers)
            yield replace(record, read=images.reader(record.images[0]))
        except DataError as error:
            yield Failure(str(number), error.code, str(error))


def _record(file: EntryFile, key: str, item: object, *, answers: set[str]) -> NarrationRecord:
    try:
        question, answer, image = _TRIPLE.validate_python(_as_tuple(item), strict=True)
    except ValidationError as error:
        raise file.bad_entry(key, reason(error)) from error
    if answer not in answers:
        raise file.bad_entry(key, f"the answer {answer!r} is not in answers.txt")
    return NarrationRecord(
        id=key,
        task="easy_vqa",
        images=(f"{image}.png",),
        question=question,
        votes=(Vote(answer),),
        explanations=(),
    )


def _as_tuple(item: object) -> object:
    return tuple(item) if isinstance(item, list) else item


def _triple(record: NarrationRecord) -> list[object]:
    number = record.images[0].removesuffix(".png") if record.images else ""
    is_number = number.removeprefix("-").isdecimal()
    if record.question is None or len(record.votes) != 1 or not is_number:
        raise UsageError(
            f"record {record.id!r} cannot be written as easy-VQA, which needs a question, one "
            "answer and an image named by its number."
        )
    return [record.question, record.votes[0].text, int(number)]
