"""What a row of each task is made of: the published layouts, by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from seewhy.base.errors import UsageError
from seewhy.data.narration.cleaning import clean_question, majority_answer, normalise_answer
from seewhy.data.narration.records import NarrationRecord


@dataclass(frozen=True)
class RowLayout:
    """How a record becomes the texts of a row of at most `longest` tokens.

    `generated` is the published limit of a sentence, answer and reason together, in tokens.
    """

    longest: int
    question: Literal["cleaned", "as stored", "none"] = "cleaned"
    answer: Literal["majority", "normalised", "as stored"] = "as stored"
    lead: str = " the answer is"
    has_segments: bool = True
    has_objects: bool = False
    generated: int = 20

    def question_text(self, record: NarrationRecord) -> str:
        """The question in this layout's form; "" where it has none."""
        if self.question == "none":
            return ""
        if record.question is None:
            raise UsageError(
                f"record {record.id!r} has no question. Give it one by `prompted`, or take a "
                "layout without questions."
            )
        return clean_question(record.question) if self.question == "cleaned" else record.question

    def answer_text(self, record: NarrationRecord) -> str:
        """The answer that is trained: by majority, or the first."""
        if not record.votes:
            raise UsageError(f"record {record.id!r} has no answer and cannot be trained on.")
        match self.answer:
            case "majority":
                return majority_answer([vote.text for vote in record.votes])
            case "normalised":
                return normalise_answer(record.votes[0].text)
            case _:
                return record.votes[0].text


ROW_LAYOUTS: Mapping[str, RowLayout] = {
    "vqax": RowLayout(40, answer="majority"),
    "act": RowLayout(30, question="none", answer="normalised", lead="the answer is"),
    "esnlive": RowLayout(40),
    "concepts": RowLayout(40, has_segments=False),
    "vcr": RowLayout(80, question="as stored", has_objects=True, generated=40),
    "uninlx": RowLayout(125, question="as stored", generated=50),
}


def row_layout(name: str) -> RowLayout:
    """The published layout of this name; `UsageError` with all names for another."""
    if name not in ROW_LAYOUTS:
        raise UsageError(f"no row layout {name!r}; there are {', '.join(ROW_LAYOUTS)}.")
    return ROW_LAYOUTS[name]
