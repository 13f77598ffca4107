"""What a model of all tasks is asked: each record with a question and with answers to accept.

The published files hold their questions ready made and tell no templates; these are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from seewhy.base.errors import UsageError
from seewhy.data.narration.cleaning import clean_question, majority_answer, normalise_answer
from seewhy.data.narration.records import NarrationRecord, Task, Vote

QUESTION = "{question}"

_TEMPLATES: Mapping[Task, str] = {
    "vqaX": QUESTION,
    "aokvqa": QUESTION,
    "vqa_paraX": QUESTION,
    "actX": "what is the person doing",
    "esnlive": QUESTION,
    "vcr": QUESTION,
    "imagenetX": "what is the main object in the image",
    "uninlx": QUESTION,
    "easy_vqa": QUESTION,
}


@dataclass(frozen=True)
class Prompts:
    """A template for each task; "{question}" stands for the record's own, cleaned.

    Questions of "vcr" are stored clean and keep names such as person0.
    """

    templates: Mapping[Task, str] = field(default_factory=lambda: dict(_TEMPLATES))

    def question(self, record: NarrationRecord) -> str:
        """The question to ask; `UsageError` where the template needs one and there is none."""
        template = self.templates.get(record.task)
        if template is None:
            raise UsageError(
                f"no template for the task {record.task!r} of record {record.id!r}; there are "
                f"some for {', '.join(self.templates)}."
            )
        if QUESTION not in template:
            return template
        if record.question is None:
            raise UsageError(
                f"record {record.id!r} has no question for the template {template!r}. Give the "
                f"task {record.task!r} a template without {QUESTION}."
            )
        is_clean = record.task in ("vcr", "uninlx")
        asked = record.question if is_clean else clean_question(record.question)
        return template.replace(QUESTION, asked)


def unified(record: NarrationRecord, prompts: Prompts) -> NarrationRecord:
    """The record in the form of Uni-NLX: the question to ask, and the answers to accept.

    The first answer is the one to train: that of the majority, or the right choice.
    """
    answers = dict.fromkeys(_accepted(record))
    return replace(
        record,
        question=prompts.question(record),
        votes=tuple(Vote(answer) for answer in answers),
    )


def _accepted(record: NarrationRecord) -> list[str]:
    texts = [vote.text for vote in record.votes]
    match record.task:
        case "vqaX" if texts:
            return [majority_answer(texts), *map(normalise_answer, texts)]
        case "actX":
            return [normalise_answer(text) for text in texts]
        case "aokvqa" if record.correct is not None:
            return [record.choices[record.correct], *texts]
        case _:
            return texts
