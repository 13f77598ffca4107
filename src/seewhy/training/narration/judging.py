"""Narrations of questions whose truth is known: which answers are right, which reasons true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from seewhy.base.errors import DataError
from seewhy.data.digits import Split
from seewhy.data.narration.drawn.dataset import drawn_captions, drawn_narrations
from seewhy.data.narration.drawn.truth import Verdict, truth_of
from seewhy.data.narration.prompts import Prompts, unified
from seewhy.data.narration.records import NarrationRecord
from seewhy.data.scenes import Scene
from seewhy.evaluation.captions.cider import cider
from seewhy.evaluation.captions.items import caption_items
from seewhy.models.guard import inference
from seewhy.models.narration.decoding import narrate
from seewhy.models.narration.layouts import RowLayout
from seewhy.models.narration.narrations import DecodingOptions, Narration
from seewhy.models.narration.narrator import Narrator
from seewhy.training.narration.examples import ExampleMaker
from seewhy.training.narration.features import FeatureStore
from seewhy.training.narration.presets import Selection

NOT_LOOKING = "right with another image"


@dataclass(frozen=True)
class Question:
    """A record, the answers that count as right, and the scene where it is drawn."""

    record: NarrationRecord
    accepted: tuple[str, ...]
    scene: Scene | None = None


@dataclass(frozen=True)
class Judged:
    """What was told of a question; `is_right` is None without an answer to compare with.

    `verdict` on the reason is None where no scene is known.
    """

    question: Question
    text: str
    answer: str
    reason: str
    is_right: bool | None
    verdict: Verdict | None


@dataclass(frozen=True)
class Judgement:
    """All of them; `unread` questions had no image that can be read."""

    items: tuple[Judged, ...]
    unread: int = 0

    @property
    def figures(self) -> dict[str, float]:
        """Shares of right answers, true reasons, both, and CIDEr (0 to 10) of the reasons.

        "told" is the share of reasons that are a reference word for word. A figure that nothing
        can be said about is left out.
        """
        right = [each.is_right for each in self.items if each.is_right is not None]
        checked = [each for each in self.items if each.verdict is not None]
        told = [each for each in self.items if each.question.record.explanations]
        found: dict[str, float] = {}
        if right:
            found["accuracy"] = float(np.mean(right))
        if checked:
            found["true reasons"] = float(np.mean([each.verdict == "true" for each in checked]))
            found["right and true"] = float(
                np.mean([bool(each.is_right) and each.verdict == "true" for each in checked])
            )
        if told:
            found["told"] = float(np.mean([_is_reference(each) for each in told]))
            found["CIDEr"] = _cider(told)
        return found

    @property
    def by_task(self) -> dict[str, dict[str, float]]:
        """The figures of each task by itself."""
        tasks = dict.fromkeys(each.question.record.task for each in self.items)
        return {task: self.of_task(task).figures for task in tasks}

    def of_task(self, task: str) -> "Judgement":
        """The items of one task."""
        return Judgement(tuple(each for each in self.items if each.question.record.task == task))

    def selected(self, by: Selection) -> float:
        """The figure that narrators are chosen by; where it is not there, CIDEr or the accuracy."""
        names = {"truth": "right and true", "cider": "CIDEr", "accuracy": "accuracy"}
        figures = self.figures
        order = (names[by], "CIDEr", "accuracy")
        return next((figures[name] for name in order if name in figures), 0.0)


@dataclass(frozen=True)
class Judge:
    """Asks a narrator and judges what it tells, with images or their stored tokens."""

    maker: ExampleMaker
    batch: int = 64
    features: FeatureStore | None = None

    def judged(
        self, narrator: Narrator, questions: Sequence[Question], *, shift: int = 0
    ) -> Judgement:
        """All questions; with a `shift`, each is asked of the image of the question so far on."""
        images = [self._image(narrator, question.record) for question in questions]
        moved = [images[(place + shift) % len(images)] for place in range(len(images))]
        pairs = [
            (question, image)
            for question, image in zip(questions, moved, strict=True)
            if image is not None
        ]
        if not pairs:
            raise DataError("all_failed", f"no image of {len(questions)} questions can be read.")
        items: list[Judged] = []
        for start in range(0, len(pairs), self.batch):
            chunk = pairs[start : start + self.batch]
            told = self._narrated(narrator, chunk)
            items += [
                _judged(question, each) for (question, _), each in zip(chunk, told, strict=True)
            ]
        return Judgement(tuple(items), len(questions) - len(pairs))

    def _image(self, narrator: Narrator, record: NarrationRecord) -> Tensor | None:
        if record.read is None:
            return None
        try:
            if self.features is not None:
                return self.features.tokens(record.read)
            return narrator.preprocess(record.read())
        except DataError:
            return None

    def _narrated(
        self, narrator: Narrator, chunk: Sequence[tuple[Question, Tensor]]
    ) -> tuple[Narration, ...]:
        images = torch.stack([image for _, image in chunk]).to(narrator.device)
        with inference(narrator):
            tokens = (
                narrator.image_tokens(images) if self.features is None else narrator.adapted(images)
            )
        prompts = [self.maker.prompt(question.record) for question, _ in chunk]
        return narrate(narrator, tokens, prompts, DecodingOptions(batch=self.batch))


def file_questions(
    records: Sequence[NarrationRecord], layout: RowLayout, *, most: int = 0
) -> tuple[Question, ...]:
    """The records with the answers to accept, evenly chosen where there are more than `most`.

    Those with neither answers nor reasons, about which nothing can be said, are left out.
    """
    records = [record for record in records if record.votes or record.explanations]
    if most and len(records) > most:
        records = [records[place * len(records) // most] for place in range(most)]
    return tuple(Question(record, _accepted(record, layout)) for record in records)


def drawn_questions(
    count: int,
    layout: RowLayout,
    *,
    tasks: Sequence[str],
    prompts: Prompts,
    seed: int,
    split: Split = "held-out",
) -> tuple[Question, ...]:
    """Questions about drawn scenes of the tasks in turn; "captions" alone is one, too."""
    if list(tasks) == ["captions"]:
        captions = drawn_captions(count, seed=seed, split=split)
        return tuple(Question(each.record, (), each.scene) for each in captions)
    drawn = drawn_narrations(count, tasks=tasks, seed=seed, split=split)
    found = [replace(each, record=unified(each.record, prompts)) for each in drawn]
    return tuple(
        Question(each.record, _accepted(each.record, layout), each.scene) for each in found
    )


def _accepted(record: NarrationRecord, layout: RowLayout) -> tuple[str, ...]:
    if not record.votes:
        return ()
    known = unified(record, Prompts()).votes if record.question is not None else record.votes
    answers = [layout.answer_text(record), *(vote.text for vote in known)]
    return tuple(dict.fromkeys(answers))


def _judged(question: Question, told: Narration) -> Judged:
    is_caption = question.record.task == "captions"
    answer = "" if is_caption else told.answer
    reason = told.text if is_caption else told.explanation
    return Judged(
        question,
        told.text,
        answer,
        reason,
        answer in question.accepted if question.accepted else None,
        None if question.scene is None else truth_of(reason, question.scene),
    )


def _is_reference(judged: Judged) -> bool:
    return judged.reason in judged.question.record.explanations


def _cider(items: Sequence[Judged]) -> float:
    reasons = {place: each.reason for place, each in enumerate(items)}
    references: Mapping[int, Sequence[str]] = {
        place: each.question.record.explanations for place, each in enumerate(items)
    }
    return float(cider(caption_items(reasons, references)).mean())
