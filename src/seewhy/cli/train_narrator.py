"""`seewhy train narrator`: a model that answers about images and gives its reason."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from seewhy.base.errors import UsageError
from seewhy.cli.console import show
from seewhy.cli.options import RUN, DeviceOption, OutputOption, ResumeOption, SeedOption

if TYPE_CHECKING:
    from seewhy.training.narration.material import Files
    from seewhy.training.narration.sources import DataFile

T = TypeVar("T")

DATA, HOW = "What to learn from", "How to train"

FORMATS = ("vqax", "actx", "esnlive", "vcr", "uninlx", "aokvqa", "easy-vqa", "captions")


PresetOption = Annotated[
    Literal["tiny", "nlx-gpt", "uni-nlx"],
    typer.Option(help="Sizes and settings; tiny needs no data and no weights."),
]
TaskOption = Annotated[
    list[str] | None,
    typer.Option(help="Only this task (again for more), such as vqaX.", rich_help_panel=DATA),
]
DataOption = Annotated[
    list[Path] | None,
    typer.Option(help="A file to train on (again for more).", rich_help_panel=DATA),
]
FormatOption = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="|".join(FORMATS),
        help="The form of --data: one for all, or one each.",
        rich_help_panel=DATA,
    ),
]
ImagesOption = Annotated[
    list[Path] | None,
    typer.Option(
        help="The folder of images of --data: one for all, or one each.", rich_help_panel=DATA
    ),
]
ValidationOption = Annotated[
    list[Path] | None,
    typer.Option(
        help="A file to choose the best by, in the form of the --data at the same place.",
        rich_help_panel=DATA,
    ),
]
TestOption = Annotated[
    list[Path] | None,
    typer.Option(help="A file to measure the best by, likewise.", rich_help_panel=DATA),
]
AlphaOption = Annotated[
    float,
    typer.Option(
        min=0, max=1, help="Mix tasks by size (1) to all alike (0).", rich_help_panel=DATA
    ),
]
CaptionShareOption = Annotated[
    float | None,
    typer.Option(min=0, max=1, help="The share of rows that are captions.", rich_help_panel=DATA),
]
PromptOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TASK=TEXT",
        help='What a task asks; "{question}" is the record\'s own question.',
        rich_help_panel=DATA,
    ),
]
StartOption = Annotated[
    str | None,
    typer.Option(help="A narrator to train further: its folder.", rich_help_panel=HOW),
]
DecoderOption = Annotated[
    Path | None,
    typer.Option(help="The folder of a GPT-2 to begin with.", rich_help_panel=HOW),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(help="The image encoder, a name as in `seewhy models`.", rich_help_panel=HOW),
]
StepsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Steps, if not those of the preset.", rich_help_panel=HOW),
]
RowsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Rows at a time on one device.", rich_help_panel=HOW),
]
AccumulateOption = Annotated[
    int | None,
    typer.Option(min=1, help="Batches that make a step.", rich_help_panel=HOW),
]
LearningRateOption = Annotated[
    float | None, typer.Option(min=0, help="The highest rate.", rich_help_panel=HOW)
]
PrecisionOption = Annotated[
    Literal["fp32", "bf16"] | None,
    typer.Option(help="What matrices are multiplied in.", rich_help_panel=HOW),
]
CheckEveryOption = Annotated[
    int | None,
    typer.Option(min=1, help="Steps between two validations.", rich_help_panel=HOW),
]
QuestionsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Questions of a validation.", rich_help_panel=HOW),
]
FinalOption = Annotated[
    int | None,
    typer.Option(min=1, help="Drawn questions of the final figures.", rich_help_panel=HOW),
]
FeaturesOption = Annotated[
    Path | None,
    typer.Option(help="A folder to keep what a frozen encoder sees in.", rich_help_panel=RUN),
]
HalvesOption = Annotated[
    bool, typer.Option("--halves", help="Store half-precision weights.", rich_help_panel=RUN)
]
TensorboardOption = Annotated[
    bool, typer.Option("--tensorboard", help="Log for TensorBoard too.", rich_help_panel=RUN)
]
WorkersOption = Annotated[
    int | None,
    typer.Option(min=0, help="Processes that make batches ahead.", rich_help_panel=RUN),
]


def narrator(  # noqa: PLR0913, PLR0917
    output: OutputOption,
    preset: PresetOption = "tiny",
    task: TaskOption = None,
    data: DataOption = None,
    form: FormatOption = None,
    images: ImagesOption = None,
    validation: ValidationOption = None,
    test: TestOption = None,
    alpha: AlphaOption = 1.0,
    captions: CaptionShareOption = None,
    prompt: PromptOption = None,
    start: StartOption = None,
    decoder: DecoderOption = None,
    encoder: EncoderOption = None,
    steps: StepsOption = None,
    batch: RowsOption = None,
    accumulate: AccumulateOption = None,
    learning_rate: LearningRateOption = None,
    precision: PrecisionOption = None,
    check_every: CheckEveryOption = None,
    questions: QuestionsOption = None,
    final: FinalOption = None,
    seed: SeedOption = 0,
    resume: ResumeOption = False,
    features: FeaturesOption = None,
    halves: HalvesOption = False,
    tensorboard: TensorboardOption = False,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
) -> None:
    """Train a narrator: an answer and its reason in one sentence, from an image and a question.

    Without data it learns from drawn scenes. Writes a folder that `--start` reads: configuration,
    words, weights, card, figures, predictions, tables of the training, and a checkpoint.
    """
    from seewhy.training.narration.building import Beginning
    from seewhy.training.narration.presets import Changes
    from seewhy.training.narration.run import Machine, NarratorTraining, train_narrator

    changes = Changes(
        *(steps, batch, accumulate, learning_rate, captions, precision),
        *(check_every, questions, final),
    )
    training = NarratorTraining(
        preset,
        tuple(task or ()),
        _files(data or (), validation or (), test or (), forms=form or (), folders=images or ()),
        Beginning(start, decoder, encoder),
        changes,
        _prompts(prompt or ()),
        alpha,
        seed,
    )
    machine = Machine(device, workers, features, halves=halves, tensorboard=tensorboard)
    progress = sys.stderr.isatty()
    folder = train_narrator(training, output, machine=machine, resume=resume, progress=progress)
    show(f"narrator {folder}")


def _files(
    data: Sequence[Path],
    validation: Sequence[Path],
    test: Sequence[Path],
    *,
    forms: Sequence[str],
    folders: Sequence[Path],
) -> "Files | None":
    """All files with their forms and folders; None where there are no data."""
    from seewhy.training.narration.material import Files

    if not data:
        if forms or folders or validation or test:
            raise UsageError("files and folders came without --data. Name what to train on.")
        return None
    if not forms:
        raise UsageError("in which form are the --data? Name it with --format.")
    return Files(
        *(
            tuple(_described(paths, forms, folders, option=option))
            for paths, option in ((data, "--data"), (validation, "--validation"), (test, "--test"))
        )
    )


def _described(
    paths: Sequence[Path], forms: Sequence[str], folders: Sequence[Path], *, option: str
) -> "list[DataFile]":
    from seewhy.training.narration.sources import DataFile, data_format

    chosen = _each(forms, paths, f"--format for {option}")
    places = _each(folders, paths, f"--images for {option}") if folders else [None] * len(paths)
    return [
        DataFile(data_format(form), path, folder)
        for form, path, folder in zip(chosen, paths, places, strict=True)
    ]


def _each(given: Sequence[T], paths: Sequence[Path], what: str) -> Sequence[T]:
    """One for each path: the one that is given, or those at their places."""
    if len(given) == 1:
        return [given[0]] * len(paths)
    if len(given) < len(paths):
        raise UsageError(
            f"{len(given)} {what}, which names {len(paths)} files. Give one for all, or one each."
        )
    return given[: len(paths)]


def _prompts(given: Sequence[str]) -> Mapping[str, str]:
    pairs = [text.partition("=") for text in given]
    wrong = [
        text for text, (task, _, asked) in zip(given, pairs, strict=True) if not (task and asked)
    ]
    if wrong:
        raise UsageError(
            f"{wrong[0]!r} is no prompt. Wanted is TASK=TEXT, such as actX=what is it."
        )
    return {task: asked for task, _, asked in pairs}
