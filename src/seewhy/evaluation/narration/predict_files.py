"""The files of the explain-predict test: true reasons to learn from, and reasons to be judged."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel

from seewhy.base.errors import UsageError
from seewhy.data.files import shown
from seewhy.evaluation.captions.files import checked, read_json
from seewhy.evaluation.narration.explain_predict import ENTAILMENT, Task

MOST_CLASSES = 3000

_WANTED = (
    'an object by id of {"question", "explanation", "all_answers_raw": [...]}, for e-SNLI-VE '
    '{"hypothesis", "explanation", "answer"}, for ACT-X without a question'
)


@dataclass(frozen=True)
class PredictItem:
    """A reason, the question that it belongs to, and the answers that are accepted.

    `true_reason` is the ground truth where `reason` is a generated one.
    """

    question: str | None
    reason: str
    answers: tuple[str, ...]
    true_reason: str | None = None


@dataclass(frozen=True)
class PredictFile:
    """The items of a file by id, all of one task."""

    task: Task
    items: Mapping[str, PredictItem]


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    question: str | None = None
    hypothesis: str | None = None
    explanation: str
    gt_explanation: str | list[str] | None = None
    all_answers_raw: list[str] | None = None
    answer: str | None = None

    @property
    def task(self) -> Task:
        if self.hypothesis is not None:
            return "e-snli-ve"
        return "act-x" if self.question is None else "vqa-x"

    @property
    def item(self) -> PredictItem:
        one = () if self.answer is None else (self.answer,)
        true = self.gt_explanation
        return PredictItem(
            self.question if self.hypothesis is None else self.hypothesis,
            self.explanation,
            one if self.all_answers_raw is None else tuple(self.all_answers_raw),
            # Of several true reasons the first counts, as one generated reason does.
            next(iter(true), None) if isinstance(true, list) else true,
        )


class _Entries(RootModel[dict[str, _Entry]]):
    pass


class _Classes(RootModel[dict[str, int]]):
    pass


def read_predict_file(path: Path, *, judged: bool) -> PredictFile:
    """The items of a training file, or of a file whose reasons are to be judged.

    Answers count as they are written; the published files hold normalised ones. Raises
    `UsageError` for files of another kind, of several tasks, or without accepted answers.
    """
    wanted = _WANTED + (', each with "gt_explanation" too' if judged else "")
    entries = checked(_Entries, read_json(path), path=path, wanted=wanted).root
    tasks = {entry.task for entry in entries.values()}
    if len(tasks) != 1:
        raise UsageError(
            f"{shown(path)} holds {len(entries)} entries of {len(tasks)} tasks "
            f"({', '.join(sorted(tasks))}). Wanted is {wanted}."
        )
    items = {name: entry.item for name, entry in entries.items()}
    for name, item in items.items():
        if not item.answers or (judged and item.true_reason is None):
            lacking = "true reason" if item.answers else "accepted answer"
            raise UsageError(f"{shown(path)}: {name} has no {lacking}. Wanted is {wanted}.")
    return PredictFile(tasks.pop(), items)


def predict_document(file: PredictFile) -> dict[str, dict[str, object]]:
    """What the JSON file holds that reads as these items."""
    return {name: _written(item, file.task) for name, item in file.items.items()}


def read_classes(path: Path) -> dict[str, int]:
    """The published answer_dic.json: the number of each answer, from 0 without a gap."""
    found = checked(_Classes, read_json(path), path=path, wanted='an object {"answer": 0, ...}')
    if sorted(found.root.values()) != list(range(len(found.root))) or not found.root:
        raise UsageError(
            f"{shown(path)} numbers {len(found.root)} answers otherwise than 0, 1, 2 and so on. "
            "Number each answer once, without gaps."
        )
    return found.root


def classes_of(items: Sequence[PredictItem], task: Task) -> dict[str, int]:
    """The 3,000 answers that are most often among the accepted ones, or the three of e-SNLI-VE."""
    if task == "e-snli-ve":
        return {name: number for number, name in enumerate(ENTAILMENT)}
    counts = Counter(answer for item in items for answer in item.answers)
    frequent = (name for name, _ in counts.most_common(MOST_CLASSES))
    return {name: number for number, name in enumerate(frequent)}


def _written(item: PredictItem, task: Task) -> dict[str, object]:
    asked = {"vqa-x": {"question": item.question}, "e-snli-ve": {"hypothesis": item.question}}
    accepted: dict[str, object] = (
        {"answer": item.answers[0]}
        if task == "e-snli-ve"
        else {"all_answers_raw": list(item.answers)}
    )
    true = {} if item.true_reason is None else {"gt_explanation": item.true_reason}
    return {**asked.get(task, {}), "explanation": item.reason, **true, **accepted}
