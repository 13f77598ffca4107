"""The two files of Uni-NLX, and A-OKVQA as it is published by itself.

VQA-ParaX and ImageNetX exist in the form of Uni-NLX alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal, TypeVar

from pydantic import Field

from seewhy.base.errors import DataError, UsageError
from seewhy.data.narration.entries import Entry, EntryFile, ImageFolder
from seewhy.data.narration.records import NarrationRecord, NarrationSource, Task, Vote
from seewhy.data.records import Failure

_TRAIN = "[{question, answer, explanation, img_path: all texts}, ...]"
_TEST = (
    "{id: {question, answer: text or list, img_path: path or list, explanation: list, "
    "dataset: vqaX, aokvqa, vqa_paraX, actX, esnlive, vcr or imagenetX}}"
)
_A_OKVQA = (
    "[{question_id, image_id, question, choices, direct_answers, and but for tests "
    "correct_choice_idx and rationales}, ...]"
)
_ROOTS: Mapping[str, Task] = {
    "mpi": "actX",
    "flickr30k": "esnlive",
    "vcr": "vcr",
    "vcr1images": "vcr",
    "ImageNet": "imagenetX",
    "VG_100K": "vqa_paraX",
    "VG_100K_2": "vqa_paraX",
}

EntryKind = TypeVar("EntryKind", bound=Entry)


class _Train(Entry):
    question: str
    answer: str
    explanation: str
    img_path: str

    def record(self, key: str) -> NarrationRecord:
        return NarrationRecord(
            id=key,
            task=task_of_path(self.img_path),
            images=(self.img_path,),
            question=self.question,
            votes=(Vote(self.answer),),
            explanations=(self.explanation,),
            more=self.more,
        )


class _Test(Entry):
    question: str
    answer: str | list[str]
    img_path: str | list[str]
    dataset: Literal["vqaX", "aokvqa", "vqa_paraX", "actX", "esnlive", "vcr", "imagenetX"]
    explanation: str | list[str] = Field(default_factory=list)

    def record(self, key: str) -> NarrationRecord:
        return NarrationRecord(
            id=key,
            task=self.dataset,
            images=_several(self.img_path),
            question=self.question,
            votes=tuple(Vote(answer) for answer in _several(self.answer)),
            explanations=_several(self.explanation),
            more=self.more,
            listed=frozenset(
                name for name in self.model_fields_set if isinstance(getattr(self, name), list)
            ),
        )


class _AOkVqa(Entry):
    question_id: str
    image_id: int
    question: str
    choices: list[str]
    direct_answers: list[str] = Field(default_factory=list)
    correct_choice_idx: int | None = None
    rationales: list[str] = Field(default_factory=list)
    split: str = "train"

    def record(self, _key: str) -> NarrationRecord:
        if self.correct_choice_idx not in (None, *range(len(self.choices))):
            raise ValueError(f"choice {self.correct_choice_idx} of {len(self.choices)} is right")
        more = {**self.more, "image_id": self.image_id}
        if "split" in self.model_fields_set:
            more["split"] = self.split
        if self.correct_choice_idx is None and "correct_choice_idx" in self.model_fields_set:
            more["correct_choice_idx"] = None
        return NarrationRecord(
            id=self.question_id,
            task="aokvqa",
            images=(f"{self.split}2017/{self.image_id:012d}.jpg",),
            question=self.question,
            votes=tuple(Vote(answer) for answer in self.direct_answers),
            explanations=tuple(self.rationales),
            choices=tuple(self.choices),
            correct=self.correct_choice_idx,
            more=more,
            listed=frozenset({"direct_answers", "rationales"} & self.model_fields_set),
        )


def read_uninlx_train(path: Path, *, images: ImageFolder) -> NarrationSource:
    """explanation_dataset.json: a record per explanation, its place in the list for an id.

    The task follows from the folder of the image, see `task_of_path`.
    """
    file = EntryFile(path, "Uni-NLX training", _TRAIN)
    return file.source(_records(file, _Train, _numbered(file.sequence()), images=images))


def read_uninlx_test(path: Path, *, images: ImageFolder) -> NarrationSource:
    """explanation_dataset_test.json: accepted answers are votes; of several images, one is read."""
    file = EntryFile(path, "Uni-NLX test", _TEST)
    return file.source(_records(file, _Test, file.mapping().items(), images=images))


def read_a_okvqa(path: Path, *, images: ImageFolder) -> NarrationSource:
    """aokvqa_v1p0_<split>.json; `images` is the folder that holds train2017, val2017, test2017."""
    file = EntryFile(path, "A-OKVQA", _A_OKVQA)
    return file.source(_records(file, _AOkVqa, _numbered(file.sequence()), images=images))


def uninlx_train_document(records: Iterable[NarrationRecord]) -> list[dict[str, object]]:
    """The list of the training file: an entry per explanation, with the first answer."""
    return [
        {
            "question": _question(record),
            "answer": _first_answer(record),
            "explanation": explanation,
            "img_path": _image(record),
            **record.more,
        }
        for record in records
        for explanation in record.explanations
    ]


def uninlx_test_document(records: Iterable[NarrationRecord]) -> dict[str, dict[str, object]]:
    """The object of the test file; `UsageError` for an id that comes twice."""
    document: dict[str, dict[str, object]] = {}
    for record in records:
        if record.id in document:
            raise UsageError(f"two records have the id {record.id!r}; give each one of its own.")
        answers = [vote.text for vote in record.votes]
        document[record.id] = {
            "question": _question(record),
            "answer": _one_or_list(answers, is_listed="answer" in record.listed),
            "img_path": _one_or_list(record.images, is_listed="img_path" in record.listed),
            "dataset": record.task,
            **_reasons(record),
            **record.more,
        }
    return document


def a_okvqa_document(records: Iterable[NarrationRecord]) -> list[dict[str, object]]:
    """The list of the published file, out of records with choices."""
    return [_a_okvqa_entry(record) for record in records]


def task_of_path(path: str) -> Task:
    """The task whose images lie in such a folder; "uninlx" for COCO, which two tasks share.

    The training file does not name tasks, so this is a guess of ours.
    """
    return next((_ROOTS[part] for part in PurePosixPath(path).parts if part in _ROOTS), "uninlx")


def _records(
    file: EntryFile,
    model: type[_Train] | type[_Test] | type[_AOkVqa],
    items: Iterable[tuple[str, object]],
    *,
    images: ImageFolder,
) -> Iterator[NarrationRecord | Failure]:
    for key, item in items:
        try:
            record = _record(file, file.parsed(model, item, key=key).record, key)
            if not record.images:
                raise file.bad_entry(key, "img_path names no image")
            yield replace(record, read=images.reader(record.images[0]))
        except DataError as error:
            yield Failure(key, error.code, str(error))


def _record(file: EntryFile, make: Callable[[str], NarrationRecord], key: str) -> NarrationRecord:
    try:
        return make(key)
    except ValueError as error:
        raise file.bad_entry(key, str(error)) from error


def _a_okvqa_entry(record: NarrationRecord) -> dict[str, object]:
    entry: dict[str, object] = {
        "question_id": record.id,
        "image_id": _image_number(record),
        "question": _question(record),
        "choices": list(record.choices),
    }
    if record.correct is not None:
        entry["correct_choice_idx"] = record.correct
    if record.votes or "direct_answers" in record.listed:
        entry["direct_answers"] = [vote.text for vote in record.votes]
    if record.explanations or "rationales" in record.listed:
        entry["rationales"] = list(record.explanations)
    return {**entry, **record.more}


def _image_number(record: NarrationRecord) -> int:
    digits = PurePosixPath(_image(record)).stem.rpartition("_")[2]
    if "image_id" not in record.more and not digits.isdecimal():
        raise UsageError(
            f"record {record.id!r} cannot be written as A-OKVQA: its image {_image(record)!r} has "
            "no number of COCO. Put the number into `more` as 'image_id'."
        )
    return int(digits) if digits.isdecimal() else 0


def _numbered(items: Sequence[object]) -> Iterator[tuple[str, object]]:
    return ((str(number), item) for number, item in enumerate(items))


def _several(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _one_or_list(values: Sequence[str], *, is_listed: bool) -> str | list[str]:
    return values[0] if len(values) == 1 and not is_listed else list(values)


def _reasons(record: NarrationRecord) -> dict[str, object]:
    """A file without reasons, such as one of questions to be answered, stays without."""
    if not record.explanations and "explanation" not in record.listed:
        return {}
    is_text = len(record.explanations) == 1 and "explanation" not in record.listed
    return {"explanation": record.explanations[0] if is_text else list(record.explanations)}


def _question(record: NarrationRecord) -> str:
    if record.question is None:
        raise UsageError(
            f"record {record.id!r} has no question, which Uni-NLX needs. Give it one by `unified`."
        )
    return record.question


def _first_answer(record: NarrationRecord) -> str:
    if not record.votes:
        raise UsageError(f"record {record.id!r} has no answer, which a training file needs.")
    return record.votes[0].text


def _image(record: NarrationRecord) -> str:
    if not record.images:
        raise UsageError(f"record {record.id!r} names no image, so it cannot be written.")
    return record.images[0]
