"""What the explain-predict test says: the schema of its summary, and how it comes about."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from seewhy.base.errors import UsageError
from seewhy.base.versions import library_versions
from seewhy.data.narration.cleaning import normalise_answer
from seewhy.evaluation.captions.files import read_results
from seewhy.evaluation.captions.scores import RESAMPLES
from seewhy.evaluation.captions.summary import Evaluation, TextFile, described, figures
from seewhy.evaluation.narration.explain_predict import LENGTHS, Task, right_predictions
from seewhy.evaluation.narration.parsing import Parsing, parse_narration
from seewhy.evaluation.narration.predict_files import (
    PredictFile,
    PredictItem,
    classes_of,
    read_classes,
    read_predict_file,
)
from seewhy.evaluation.narration.predict_training import (
    HASHED_SCHEDULE,
    SCHEDULES,
    Lesson,
    PredictSchedule,
    chosen_epoch,
    predicted,
    split_items,
    train_predictor,
)
from seewhy.evaluation.narration.predictors import EncoderPredictor, HashedPredictor, Predictor
from seewhy.evaluation.tasks.document import Figure, Record
from seewhy.evaluation.weighted import RowMeans, intervals
from seewhy.models.load import checked_device
from seewhy.models.text_folder import load_text_folder

TRUTH, CEILING, OWN, FLOOR = "truth", "ceiling", "own answer", "no reason"


class PredictSettings(Record):
    """How the classifier is made; None for the published batch, epochs and rate of the task.

    `encoder` is the folder of a text encoder of transformers, None for hashed words;
    `validation_share` of the training items choose the epoch where no file of them is given.
    """

    encoder: str | None = None
    validation_share: float = 0.1
    batch: int | None = None
    epochs: int | None = None
    rate: float | None = None
    parsing: Parsing = "first"
    device: str = "cpu"
    resamples: int = RESAMPLES
    seed: int = 0


@dataclass(frozen=True)
class PredictFiles:
    """The files that come in; `answers` are generated sentences "answer because reason"."""

    training: Path
    judged: Path
    validation: Path | None = None
    classes: Path | None = None
    answers: Path | None = None


class PredictCounts(Record):
    """How many items there were; `answerable` have an accepted answer among the classes."""

    training: int
    validation: int
    judged: int
    answerable: int
    classes: int


class EpochRow(Record):
    """One epoch of training."""

    loss: float
    validation: float


class PredictDocument(Record):
    """The whole of it; figures are shares of items in per cent.

    "truth": the answer told from the generated reason is accepted; "ceiling": the same from the
    true reason; "own answer": it is what the model itself answered; "no reason": it is accepted
    though no reason was given. `chosen` is the epoch that was kept, from 1.
    """

    schema_version: Literal["seewhy.explain-predict/1"] = "seewhy.explain-predict/1"
    files: dict[str, TextFile]
    task: Task
    classifier: str
    items: PredictCounts
    figures: dict[str, Figure]
    epochs: list[EpochRow]
    chosen: int
    settings: PredictSettings
    versions: dict[str, str]
    notes: list[str]


def evaluate_explain_predict(
    files: PredictFiles, *, settings: PredictSettings | None = None, progress: bool = False
) -> Evaluation[PredictDocument]:
    """Train a classifier on true reasons and see which answers it tells from generated ones.

    Raises `UsageError` for files that are unlike what they should be, or of different tasks.
    """
    settings = settings or PredictSettings()
    lesson, judged = _read(files, settings)
    predictor, schedule = _predictor(lesson, settings)
    own = None if files.answers is None else _own_answers(files.answers, judged, settings.parsing)
    epochs = train_predictor(predictor, lesson, schedule, seed=settings.seed, progress=progress)
    items = list(judged.items.values())
    right = outcomes(predictor, items, lesson.classes, own=own)
    means = RowMeans(np.arange(len(items)), {k: v.astype(np.float64) for k, v in right.items()})
    found = intervals(means, len(items), resamples=settings.resamples, seed=settings.seed)
    answerable = [any(answer in lesson.classes for answer in item.answers) for item in items]
    document = PredictDocument(
        files=described(**asdict(files)),
        task=lesson.task,
        classifier=predictor.name,
        items=PredictCounts(
            training=len(lesson.training),
            validation=len(lesson.validation),
            judged=len(items),
            answerable=sum(answerable),
            classes=len(lesson.classes),
        ),
        figures=figures(found),
        epochs=[EpochRow(loss=each.loss, validation=each.validation) for each in epochs],
        chosen=chosen_epoch(epochs),
        settings=settings,
        versions=library_versions(),
        notes=_notes(settings, own),
    )
    rows = [
        {"id": name} | {figure: int(values[place]) for figure, values in right.items()}
        for place, name in enumerate(judged.items)
    ]
    return Evaluation(document, rows)


def outcomes(
    predictor: Predictor,
    items: Sequence[PredictItem],
    classes: Mapping[str, int],
    *,
    own: Sequence[set[str]] | None = None,
) -> dict[str, Bool[np.ndarray, " items"]]:
    """Per figure, whether each item is told right; `own` are the model's own answers."""
    given = predicted(predictor, items, reasons="given")
    accepted = [set(item.answers) for item in items]
    scores: dict[str, tuple[Float[Tensor, "items classes"], Sequence[set[str]]]] = {
        TRUTH: (given, accepted),
        CEILING: (predicted(predictor, items, reasons="true"), accepted),
    }
    if own is not None:
        scores[OWN] = (given, own)
    scores[FLOOR] = (predicted(predictor, items, reasons="none"), accepted)
    return {
        name: right_predictions(each, answers, classes=classes).numpy()
        for name, (each, answers) in scores.items()
    }


def _read(files: PredictFiles, settings: PredictSettings) -> tuple[Lesson, PredictFile]:
    training = read_predict_file(files.training, judged=False)
    judged = read_predict_file(files.judged, judged=True)
    if files.validation is None:
        kept, held = split_items(
            training.items, share=settings.validation_share, seed=settings.seed
        )
        tasks = {training.task, judged.task}
    else:
        apart = read_predict_file(files.validation, judged=False)
        kept, held = list(training.items.values()), list(apart.items.values())
        tasks = {training.task, apart.task, judged.task}
    if len(tasks) > 1:
        raise UsageError(
            f"the files are of different tasks: {', '.join(sorted(tasks))}. Give files of one."
        )
    classes = (
        classes_of(kept, training.task) if files.classes is None else read_classes(files.classes)
    )
    return Lesson(training.task, kept, held, classes), judged


def _predictor(lesson: Lesson, settings: PredictSettings) -> tuple[Predictor, PredictSchedule]:
    predictor: Predictor
    if settings.encoder is None:
        usual, predictor = HASHED_SCHEDULE, HashedPredictor(len(lesson.classes))
        predictor.module.to(checked_device(settings.device))
    else:
        usual = SCHEDULES[lesson.task]
        predictor = EncoderPredictor(
            load_text_folder(settings.encoder, device=settings.device),
            len(lesson.classes),
            lengths=LENGTHS[lesson.task],
            seed=settings.seed,
        )
    return predictor, PredictSchedule(
        settings.batch or usual.batch, settings.epochs or usual.epochs, settings.rate or usual.rate
    )


def _own_answers(path: Path, judged: PredictFile, parsing: Parsing) -> list[set[str]]:
    """What the model answered, as it said it and normalised."""
    texts = read_results(path)
    missing = [name for name in judged.items if name not in texts]
    if missing:
        raise UsageError(
            f"{len(missing)} of {len(judged.items)} judged reasons have no generated sentence, "
            f"such as {missing[0]}. Give one for each, or do without --answers."
        )
    answers = (parse_narration(texts[name], parsing).answer for name in judged.items)
    return [{answer, normalise_answer(answer)} for answer in answers]


def _notes(settings: PredictSettings, own: object) -> list[str]:
    told = [
        "Read the figures beside the ceiling, which is what the classifier can tell from true "
        "reasons, and beside what it tells without any."
    ]
    if settings.encoder is None:
        told.append(
            "The classifier is linear in hashed words, a stand-in for the published DistilBERT: "
            "do not set its figures beside published ones."
        )
    if own is None:
        told.append(
            "A reason that is faithful to a wrong answer counts as a fault. Give the generated "
            "sentences (--answers) to measure agreement with the model's own answers too."
        )
    return told
