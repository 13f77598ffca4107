"""What a training learns from and is judged by: drawn scenes, or the user's own files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from seewhy.base.errors import UsageError
from seewhy.data.narration.drawn.dataset import DRAWN_TASKS
from seewhy.data.narration.prompts import Prompts
from seewhy.data.narration.records import NarrationRecord
from seewhy.models.narration.samples import Sample
from seewhy.training.narration.building import drawn_texts, record_texts
from seewhy.training.narration.examples import (
    DrawnExamples,
    ExampleMaker,
    Examples,
    ReadImage,
    file_examples,
    training_samples,
)
from seewhy.training.narration.judging import (
    Question,
    drawn_questions,
    file_questions,
)
from seewhy.training.narration.presets import FINAL_SEED, VALIDATION_SEED, NarratorPreset
from seewhy.training.narration.sources import DataFile, Use, held_out, read_data

CAPTIONS = "captions"


@dataclass(frozen=True)
class Material:
    """Examples (made once there is a tokenizer), questions, and what they are.

    `images` are those to be stored as tokens, of all records; none where scenes are drawn.
    `told` says to readers and to checkpoints what the data are.
    """

    examples: Callable[[ExampleMaker], Examples]
    texts: Sequence[str]
    validation: tuple[Question, ...]
    final: tuple[Question, ...]
    prompts: Prompts | None
    told: Mapping[str, object]
    images: tuple[ReadImage, ...] = ()


@dataclass(frozen=True)
class Files:
    """The user's own data.

    Without validation files some records are kept back, and without test files the final figures
    are those of the validation data.
    """

    train: tuple[DataFile, ...]
    validation: tuple[DataFile, ...] = ()
    test: tuple[DataFile, ...] = ()


def drawn_material(
    preset: NarratorPreset, *, prompts: Prompts, tasks: Sequence[str] = (), seed: int = 0
) -> Material:
    """Fresh scenes in every step, and fixed ones of held-out handwriting to judge by."""
    asked = tuple(tasks) or DRAWN_TASKS
    unknown = [task for task in asked if task not in (*DRAWN_TASKS, CAPTIONS)]
    if unknown or (CAPTIONS in asked and len(asked) > 1):
        raise UsageError(
            f"the tasks {list(asked)} cannot be drawn together; there are "
            f"{', '.join(DRAWN_TASKS)}, and {CAPTIONS} by themselves."
        )
    only_captions = asked == (CAPTIONS,)
    known = DRAWN_TASKS if only_captions else asked

    def examples(maker: ExampleMaker) -> Examples:
        share = 1.0 if only_captions else preset.captions
        shares = preset.shares, preset.settled
        return DrawnExamples(maker, preset.batch, known, share, prompts, seed, *shares)

    def questions(count: int, start: int) -> tuple[Question, ...]:
        return drawn_questions(count, preset.layout, tasks=asked, prompts=prompts, seed=start)

    return Material(
        examples,
        # A narrator of one task may be trained further on others: all of them have their words.
        tuple(drawn_texts(preset.layout, prompts, DRAWN_TASKS)),
        questions(preset.checks.questions, VALIDATION_SEED),
        questions(preset.checks.final, FINAL_SEED),
        prompts,
        {"data": "drawn scenes", "tasks": list(asked)},
    )


def file_material(
    preset: NarratorPreset,
    files: Files,
    *,
    tasks: Sequence[str] = (),
    prompts: Prompts | None = None,
    alpha: float = 1.0,
    seed: int = 0,
) -> Material:
    """Records of the user's files, mixed by `alpha`."""
    found = _read(files, prompts, tasks)
    samples = _by_task(found.trained)
    most = preset.checks.questions

    def examples(maker: ExampleMaker) -> Examples:
        return file_examples(
            maker,
            samples,
            size=preset.batch,
            captions=preset.captions,
            alpha=alpha,
            seed=seed,
        )

    return Material(
        examples,
        tuple(record_texts(found.trained, preset.layout)),
        file_questions(found.checked, preset.layout, most=most),
        file_questions(found.tested, preset.layout),
        prompts,
        {
            "data": {f"{file.path.name} ({file.format})": file.digest() for file in files.train},
            "samples": {task: len(each) for task, each in samples.items()},
            "alpha": alpha,
        },
        images=found.images,
    )


@dataclass(frozen=True)
class _Read:
    """Records to train on, to choose by, and to measure by."""

    trained: tuple[NarrationRecord, ...]
    checked: tuple[NarrationRecord, ...]
    tested: tuple[NarrationRecord, ...]

    @property
    def images(self) -> tuple[ReadImage, ...]:
        """What reads the images of them all, each once."""
        records = (*self.trained, *self.checked, *self.tested)
        return tuple(dict.fromkeys(record.read for record in records if record.read is not None))


def _read(files: Files, prompts: Prompts | None, tasks: Sequence[str]) -> _Read:
    def records(given: Sequence[DataFile], use: Use) -> tuple[NarrationRecord, ...]:
        return read_data(given, use=use, prompts=prompts, tasks=tasks).records

    trained = records(files.train, "train")
    if files.validation:
        checked = records(files.validation, "test")
    else:
        trained, checked = held_out(trained)
    return _Read(trained, checked, records(files.test, "test") if files.test else checked)


def _by_task(records: Sequence[NarrationRecord]) -> dict[str, tuple[Sample, ...]]:
    ordered = sorted(training_samples(records), key=lambda sample: sample.record.task)
    return {
        task: tuple(group) for task, group in groupby(ordered, key=lambda each: each.record.task)
    }
