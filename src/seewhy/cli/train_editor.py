"""`seewhy train editor`: a model that mends captions."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seewhy.base.errors import UsageError
from seewhy.cli.console import show
from seewhy.cli.options import RUN, DeviceOption, OutputOption, ResumeOption, SeedOption

if TYPE_CHECKING:
    from seewhy.training.editing.files import EditorFiles

DATA, HOW = "What to learn from", "How to train"

PresetOption = Annotated[
    Literal["tiny", "small", "coco-set", "coco-lam"],
    typer.Option(help="Sizes and settings; tiny needs no data."),
]
NetworkOption = Annotated[
    Literal["editnet", "dcnet", "look-modify", "ensemble"],
    typer.Option(help="What to train; the ensemble is editnet and dcnet, each by itself."),
]
PhaseOption = Annotated[
    Literal["xe", "mse", "rl"],
    typer.Option(help="Learn the next word, then the truth's summary (dcnet), then by reward."),
]
SourceOption = Annotated[
    Literal["boxes", "grid"],
    typer.Option(help="See known boxes of an image, or its cells.", rich_help_panel=DATA),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(help="What sees images, a name as in `seewhy models`.", rich_help_panel=DATA),
]
CaptionsOption = Annotated[
    Path | None,
    typer.Option(help="True captions: a Karpathy split as JSON.", rich_help_panel=DATA),
]
ExistingOption = Annotated[
    list[Path] | None,
    typer.Option(help="Captions to edit, by image (again for more).", rich_help_panel=DATA),
]
ImagesOption = Annotated[
    Path | None, typer.Option(help="The folder of images.", rich_help_panel=DATA)
]
FeaturesOption = Annotated[
    list[Path] | None,
    typer.Option(
        help="In place of images: a store, a folder of ID.npz, a table (.tsv), or two .hdf5.",
        rich_help_panel=DATA,
    ),
]
IndicesOption = Annotated[
    list[Path] | None,
    typer.Option("--index", help="Rows of each .hdf5 by image, as JSON.", rich_help_panel=DATA),
]
StartOption = Annotated[
    str | None,
    typer.Option(help="An editor to train further: its folder.", rich_help_panel=HOW),
]
StepsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Steps, if not those of the preset.", rich_help_panel=HOW),
]
EpochsOption = Annotated[
    int | None, typer.Option(min=1, help="Epochs in place of steps.", rich_help_panel=HOW)
]
RowsOption = Annotated[
    int | None, typer.Option(min=1, help="Captions in a step.", rich_help_panel=HOW)
]
LearningRateOption = Annotated[
    float | None, typer.Option(min=0, help="The highest rate.", rich_help_panel=HOW)
]
WidthOption = Annotated[
    int | None, typer.Option(min=2, help="The width of networks.", rich_help_panel=HOW)
]
DropoutOption = Annotated[
    float | None, typer.Option(min=0, max=0.99, help="Dropout.", rich_help_panel=HOW)
]
SelectionOption = Annotated[
    Literal["hard", "soft"] | None,
    typer.Option(help="Copy one memory, or the mean (editnet).", rich_help_panel=HOW),
]
PointerOption = Annotated[
    bool | None,
    typer.Option("--pointer/--no-pointer", help="Let words be pointed at.", rich_help_panel=HOW),
]
CheckEveryOption = Annotated[
    int | None,
    typer.Option(min=1, help="Steps between two validations.", rich_help_panel=HOW),
]
ScenesOption = Annotated[
    int | None, typer.Option(min=1, help="Drawn pictures to learn from.", rich_help_panel=HOW)
]
ValidationOption = Annotated[
    int | None, typer.Option(min=1, help="Drawn ones to choose by.", rich_help_panel=HOW)
]
FinalOption = Annotated[
    int | None, typer.Option(min=1, help="Drawn ones of the final figures.", rich_help_panel=HOW)
]
HalvesOption = Annotated[
    bool, typer.Option("--halves", help="Store half-precision weights.", rich_help_panel=RUN)
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="Threads of the processor.", rich_help_panel=RUN)
]


def editor(  # noqa: PLR0913, PLR0917
    output: OutputOption,
    preset: PresetOption = "tiny",
    network: NetworkOption = "ensemble",
    phase: PhaseOption = "xe",
    source: SourceOption = "boxes",
    encoder: EncoderOption = None,
    captions: CaptionsOption = None,
    existing: ExistingOption = None,
    images: ImagesOption = None,
    features: FeaturesOption = None,
    indices: IndicesOption = None,
    start: StartOption = None,
    steps: StepsOption = None,
    epochs: EpochsOption = None,
    batch: RowsOption = None,
    learning_rate: LearningRateOption = None,
    width: WidthOption = None,
    dropout: DropoutOption = None,
    selection: SelectionOption = None,
    pointer: PointerOption = None,
    check_every: CheckEveryOption = None,
    scenes: ScenesOption = None,
    validation: ValidationOption = None,
    final: FinalOption = None,
    seed: SeedOption = 0,
    resume: ResumeOption = False,
    halves: HalvesOption = False,
    device: DeviceOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Train an editor: it reads a caption beside its image and writes it anew.

    Without captions it learns from drawn pictures. Writes a folder that `--start` reads:
    configuration, words, weights, card, figures, and tables and checkpoints of each network.
    """
    from seewhy.training.editing.presets import Changes
    from seewhy.training.editing.run import EditorTraining, Machine, train_editor

    changes = Changes(
        *(steps, epochs, batch, learning_rate, width, dropout, selection, pointer),
        *(check_every, scenes, validation, final),
    )
    training = EditorTraining(
        preset,
        network,
        phase,
        source,
        encoder,
        _files(
            captions, existing or (), images=images, features=features or (), rows=indices or ()
        ),
        start,
        changes,
        seed,
    )
    machine = Machine(device, halves=halves, threads=threads)
    progress = sys.stderr.isatty()
    folder = train_editor(training, output, machine=machine, resume=resume, progress=progress)
    show(f"editor   {folder}")


def _files(
    captions: Path | None,
    existing: Sequence[Path],
    *,
    images: Path | None,
    features: Sequence[Path],
    rows: Sequence[Path],
) -> "EditorFiles | None":
    """The user's files; None where there are none."""
    from seewhy.training.editing.files import EditorFiles

    if captions is None:
        if existing or images or features or rows:
            raise UsageError("files came without --captions. Name the true captions.")
        return None
    if not existing:
        raise UsageError("which captions are to be edited? Name them with --existing.")
    return EditorFiles(captions, tuple(existing), images, tuple(features), tuple(rows))
