"""What a batch is made of: rows with their images, drawn anew or out of files, by its number."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from seewhy.base.errors import UsageError
from seewhy.data.narration.drawn.dataset import DrawnNarration, drawn_captions, drawn_narrations
from seewhy.data.narration.mixing import TaskMixture
from seewhy.data.narration.prompts import Prompts, unified
from seewhy.data.narration.records import NarrationRecord
from seewhy.models.narration.boxes import NO_BOX
from seewhy.models.narration.rows import Row, RowMaker, caption_row
from seewhy.models.narration.samples import Sample
from seewhy.models.narration.tokens import END, EXPLANATION, NO_OBJECT

Part = Literal["none", "lead", "answer", "reason", "caption"]
ReadImage = Callable[[], Image.Image]

_ENDLESS = 2**31


@dataclass(frozen=True)
class Example:
    """A row, the part that each of its tokens belongs to as a target, and its image."""

    row: Row
    parts: tuple[Part, ...]
    read: ReadImage


@runtime_checkable
class Examples(Protocol):
    """Batches without an end; each depends on its number alone."""

    @property
    def epoch(self) -> float | None:
        """Batches until every record came once; of captions where there is nothing else.

        None where records never come again.
        """
        ...

    def batch(self, number: int) -> tuple[Example, ...]:
        """The examples of one batch, counted from 0."""
        ...


@dataclass(frozen=True)
class ExampleMaker:
    """Records to examples; captions have the segments and objects of the layout if `is_mixed`."""

    rows: RowMaker
    is_mixed: bool = True

    def example(self, record: NarrationRecord, reason: str) -> Example:
        """A question or a caption; without a reason the row ends behind the answer."""
        if record.read is None:
            raise UsageError(f"record {record.id!r} has no image; nothing can be told of it.")
        if record.task == "captions":
            return self._caption(record, reason, record.read)
        row = self.rows.training_row(record, reason)
        if not reason:
            row = _without_reason(row, self._because)
        return Example(row, self._parts(row), record.read)

    def prompt(self, record: NarrationRecord) -> Row:
        """What a narration of the record continues; that of a caption is the start marker."""
        if record.task == "captions":
            return self._fitted(Row(record.id, (END,), (False,)))
        return self.rows.prompt(record)

    @cached_property
    def _because(self) -> str:
        return self.rows.tokenizer.tokens(" because")[0]

    def _caption(self, record: NarrationRecord, caption: str, read: ReadImage) -> Example:
        longest = self.rows.layout.longest
        row = caption_row(caption, self.rows.tokenizer, id_=record.id, longest=longest)
        parts: list[Part] = ["caption"] * len(row)
        return Example(self._fitted(row), tuple(parts), read)

    def _fitted(self, row: Row) -> Row:
        layout = self.rows.layout
        if self.is_mixed and layout.has_segments:
            row = replace(row, segments=(EXPLANATION,) * len(row))
        if self.is_mixed and layout.has_objects:
            row = replace(row, boxes=(NO_BOX,) * len(row), objects=(NO_OBJECT,) * len(row))
        return row

    def _parts(self, row: Row) -> tuple[Part, ...]:
        """The first targets are the lead, the answer goes on until "because"."""
        lead = len(self.rows.tokenizer.tokens(self.rows.layout.lead))
        parts: list[Part] = []
        has_answer = False
        for token, is_target in zip(row.tokens, row.is_target, strict=True):
            has_answer = has_answer or (is_target and token == self._because)
            if not is_target:
                parts.append("none")
            elif has_answer:
                parts.append("reason")
            else:
                told = sum(part != "none" for part in parts)
                parts.append("lead" if told < lead else "answer")
        return tuple(parts)


@dataclass(frozen=True)
class DrawnExamples:
    """Fresh scenes in every batch: questions of the tasks in turn, and a share of captions.

    From the batch `settled` on only a share is taken of the kinds of question named in `shares`,
    and others in their place: what is easy need not be asked as often once it is learnt.
    """

    maker: ExampleMaker
    size: int
    tasks: Sequence[str]
    captions: float
    prompts: Prompts
    seed: int
    shares: Mapping[str, float] = field(default_factory=dict)
    settled: int = 0

    @property
    def epoch(self) -> float | None:
        """None: there are always others."""
        return None

    def batch(self, number: int) -> tuple[Example, ...]:
        """As many captions as are due until now, and questions."""
        # Every batch is a data set of its own: sets of other seeds share no scene with it.
        seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1, np.uint64)[0])
        chance = np.random.default_rng([seed, 1])
        captions = _due(self.captions, self.size, number)
        found = [each.record for each in drawn_captions(captions, seed=seed)] if captions else []
        if captions < self.size:
            first = number % len(self.tasks)
            tasks = [*self.tasks[first:], *self.tasks[:first]]
            shares = self.shares if number >= self.settled else {}
            drawn = _taken(tasks, shares, seed)
            asked = islice(drawn, self.size - captions)
            found += [unified(each.record, self.prompts) for each in asked]
        return tuple(self.maker.example(record, _any_reason(record, chance)) for record in found)


@dataclass(frozen=True)
class FileExamples:
    """Samples of files by task, mixed; captions have their own share.

    `mixture` is None where there are captions alone, `captions` where there are none.
    """

    maker: ExampleMaker
    samples: Mapping[str, Sequence[Sample]]
    mixture: TaskMixture | None
    captions: TaskMixture | None

    def batch(self, number: int) -> tuple[Example, ...]:
        """The picks of both mixtures at this number."""
        picks = [
            pick
            for mixture in (self.captions, self.mixture)
            if mixture is not None
            for pick in mixture.batch_at(number)
        ]
        found = (self.samples[pick.task][pick.place] for pick in picks)
        return tuple(self.maker.example(sample.record, sample.explanation) for sample in found)

    @property
    def epoch(self) -> float | None:
        """Batches until as many records came as there are."""
        mixture = self.mixture or self.captions
        return None if mixture is None else mixture.epoch_size / mixture.batch


def file_examples(
    maker: ExampleMaker,
    samples: Mapping[str, Sequence[Sample]],
    *,
    size: int,
    captions: float,
    alpha: float,
    seed: int,
) -> FileExamples:
    """Batches of `size` out of these tasks, of which "captions" have their share.

    Where there are captions alone they fill the batch. Raises `UsageError` where nothing is left.
    """
    told = {task: len(each) for task, each in samples.items() if each and task != "captions"}
    has_captions = bool(samples.get("captions"))
    if not told and not has_captions:
        raise UsageError("no record has an answer or a caption to learn; give other files.")
    count = round((captions if told else 1.0) * size) if has_captions else 0
    return FileExamples(
        replace(maker, is_mixed=bool(told)),
        samples,
        TaskMixture(told, alpha, size - count, seed) if told and count < size else None,
        TaskMixture({"captions": len(samples["captions"])}, 1.0, count, seed) if count else None,
    )


def training_samples(records: Sequence[NarrationRecord]) -> tuple[Sample, ...]:
    """Every record with each of its reasons; one with an answer alone comes once, without."""
    return tuple(
        Sample(record, reason)
        for record in records
        for reason in record.explanations or ([""] if record.votes else [])
    )


def _taken(
    tasks: Sequence[str], shares: Mapping[str, float], seed: int
) -> Iterator[DrawnNarration]:
    """Questions without an end, those of easy kinds at times passed over."""
    chance = np.random.default_rng([seed, 2])
    for each in drawn_narrations(_ENDLESS, tasks=tasks, seed=seed):
        share = shares.get(each.kind, 1.0)
        if share >= 1 or chance.random() < share:
            yield each


def _due(share: float, size: int, number: int) -> int:
    """Whole captions of a batch whose share is the right one over all batches until then."""
    return int((number + 1) * share * size + 1e-9) - int(number * share * size + 1e-9)


def _any_reason(record: NarrationRecord, chance: np.random.Generator) -> str:
    return record.explanations[int(chance.integers(len(record.explanations)))]


def _without_reason(row: Row, because: str) -> Row:
    """The row without "because" and what follows, but with the end marker."""
    if because not in row.tokens:
        return row
    first = len(row) - 1 - row.tokens[::-1].index(because)
    kept = [*range(first), *([len(row) - 1] if row.tokens[-1] == END else [])]
    return replace(
        row,
        tokens=tuple(row.tokens[place] for place in kept),
        is_target=tuple(row.is_target[place] for place in kept),
        segments=None if row.segments is None else tuple(row.segments[place] for place in kept),
        boxes=None if row.boxes is None else tuple(row.boxes[place] for place in kept),
        objects=None if row.objects is None else tuple(row.objects[place] for place in kept),
    )
