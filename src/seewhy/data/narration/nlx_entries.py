"""One entry of each file of NLX-GPT, to a record and back."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, PositiveInt

from seewhy.data.narration.entries import Entry
from seewhy.data.narration.records import Box, NarrationRecord, Regions, Vote

Entailment = Literal["entailment", "neutral", "contradiction"]


class NlxEntry(Entry):
    """An entry under a key that is the id of its record."""

    @abstractmethod
    def record(self, key: str) -> NarrationRecord:
        """The record, without a reader of its image."""

    @classmethod
    @abstractmethod
    def of(cls, record: NarrationRecord) -> "NlxEntry":
        """The entry of a record; raises a pydantic error for one that has no such form."""


class VqaXAnswer(Entry):
    """One of the ten answers to a question."""

    answer: str


class VqaXEntry(NlxEntry):
    """Images lie in train2014 where their name holds "train", else in val2014."""

    question: str
    answers: list[VqaXAnswer] = Field(min_length=1)
    image_name: str
    explanation: list[str]

    def record(self, key: str) -> NarrationRecord:
        """The answers are votes; confidence and number stay with each."""
        part = "train2014" if "train" in self.image_name else "val2014"
        return NarrationRecord(
            id=key,
            task="vqaX",
            images=(f"{part}/{self.image_name}",),
            question=self.question,
            votes=tuple(Vote(each.answer, each.more) for each in self.answers),
            explanations=tuple(self.explanation),
            more=self.more,
        )

    @classmethod
    def of(cls, record: NarrationRecord) -> "NlxEntry":
        """Any record with a question and answers."""
        answers = [{"answer": vote.text, **vote.more} for vote in record.votes]
        return cls.model_validate(
            {
                "question": record.question,
                "answers": answers,
                "image_name": _name(record, "train2014", "val2014"),
                "explanation": list(record.explanations),
                **record.more,
            }
        )


class ActXEntry(NlxEntry):
    """There is no question; images lie in mpi."""

    answers: str
    image_name: str
    explanation: list[str]

    def record(self, key: str) -> NarrationRecord:
        """The one answer is the label as stored."""
        return NarrationRecord(
            id=key,
            task="actX",
            images=(f"mpi/{self.image_name}",),
            question=None,
            votes=(Vote(self.answers),),
            explanations=tuple(self.explanation),
            more=self.more,
        )

    @classmethod
    def of(cls, record: NarrationRecord) -> "NlxEntry":
        """Any record with one answer; its question, if it has one, is not written."""
        return cls.model_validate(
            {
                "answers": _only([vote.text for vote in record.votes]),
                "image_name": _name(record, "mpi"),
                "explanation": list(record.explanations),
                **record.more,
            }
        )


class EsnliVeEntry(NlxEntry):
    """The hypothesis is the question; images lie in flickr30k."""

    hypothesis: str
    answers: Entailment
    image_name: str
    explanation: str

    def record(self, key: str) -> NarrationRecord:
        """The one answer is entailment, neutral or contradiction."""
        return NarrationRecord(
            id=key,
            task="esnlive",
            images=(f"flickr30k/{self.image_name}",),
            question=self.hypothesis,
            votes=(Vote(self.answers),),
            explanations=(self.explanation,),
            more=self.more,
        )

    @classmethod
    def of(cls, record: NarrationRecord) -> "NlxEntry":
        """Any record with one of the three answers and one explanation."""
        return cls.model_validate(
            {
                "hypothesis": record.question,
                "answers": _only([vote.text for vote in record.votes]),
                "image_name": _name(record, "flickr30k"),
                "explanation": _only(record.explanations),
                **record.more,
            }
        )


class VcrEntry(NlxEntry):
    """Objects have boxes; images lie in vcr1images."""

    question: str
    answers: str
    explanation: str
    img_name: str
    objects: list[str]
    boxes_data: list[Annotated[list[FiniteFloat], Field(min_length=5, max_length=5)]]
    image_w: PositiveInt
    image_h: PositiveInt

    def record(self, key: str) -> NarrationRecord:
        """Objects, boxes and the size of the image become regions."""
        boxes: list[Box] = [(x1, y1, x2, y2, sure) for x1, y1, x2, y2, sure in self.boxes_data]
        if len(boxes) != len(self.objects):
            raise ValueError(f"{len(self.objects)} objects have {len(boxes)} boxes")
        return NarrationRecord(
            id=key,
            task="vcr",
            images=(f"vcr1images/{self.img_name}",),
            question=self.question,
            votes=(Vote(self.answers),),
            explanations=(self.explanation,),
            regions=Regions(tuple(self.objects), tuple(boxes), self.image_w, self.image_h),
            more=self.more,
        )

    @classmethod
    def of(cls, record: NarrationRecord) -> "NlxEntry":
        """Any record with regions, one answer and one explanation."""
        regions = record.regions or Regions((), (), 0, 0)
        return cls.model_validate(
            {
                "question": record.question,
                "answers": _only([vote.text for vote in record.votes]),
                "explanation": _only(record.explanations),
                "img_name": _name(record, "vcr1images"),
                "objects": list(regions.objects),
                "boxes_data": [list(box) for box in regions.boxes],
                "image_w": regions.width,
                "image_h": regions.height,
                **record.more,
            }
        )


def _name(record: NarrationRecord, *folders: str) -> str | None:
    """The name of the image without the folder of its data set."""
    for folder in folders:
        if record.images and record.images[0].startswith(f"{folder}/"):
            return record.images[0].removeprefix(f"{folder}/")
    return record.images[0] if record.images else None


def _only(values: Sequence[str]) -> str | None:
    return values[0] if len(values) == 1 else None
