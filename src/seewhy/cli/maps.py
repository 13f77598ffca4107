"""`seewhy map`: where do images show what texts say?"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seewhy.cli.asking import (
    EncoderOption,
    RemovalOption,
    ShiftsOption,
    SizeOption,
    StrictOption,
    TemplateOption,
    TemplatesOption,
    TextOption,
    chosen_templates,
    texts_given,
)
from seewhy.cli.console import show, show_table
from seewhy.cli.options import (
    ASK,
    HOW,
    RUN,
    BatchOption,
    DeviceOption,
    DownloadOption,
    FailuresOption,
    OutputOption,
    SeedOption,
    TruncatedOption,
)
from seewhy.mapping.settings import MapSettings
from seewhy.results.text import number_text

if TYPE_CHECKING:
    from seewhy.mapping.run import MapsResult

DEFAULTS = MapSettings()

ImagesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE|FOLDER",
        help="Images, folders of them, or manifests in CSV or Parquet.",
    ),
]
TextsFileOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="More texts, one a line, in UTF-8.", rich_help_panel=ASK),
]
OtherOption = Annotated[
    list[str] | None,
    typer.Option(
        "--other",
        metavar="TEXT",
        help="A text without a map that takes part in what all texts share.",
        rich_help_panel=ASK,
    ),
]
MethodOption = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help="clip-surgery (the default), or others to put beside it: raw, maskclip, grad-cam, "
        "...; a wrong name lists all.",
        rich_help_panel=ASK,
    ),
]
FramingOption = Annotated[
    Literal["whole", "model"],
    typer.Option(
        help="Show the model the whole image, or what its own preprocessing leaves of it.",
        rich_help_panel=HOW,
    ),
]
ScalingOption = Annotated[
    Literal["raw", "min-max"],
    typer.Option(help="Signed values that compare, or each map from 0 to 1.", rich_help_panel=HOW),
]
LookOption = Annotated[
    Literal["signed", "published"],
    typer.Option(
        help="Red above and blue below zero, or the published colours (with --scaling min-max).",
        rich_help_panel=HOW,
    ),
]
FrameOption = Annotated[
    Literal["grid", "input", "image"],
    typer.Option(
        help="What a stored array has a value for: patches, or pixels of the input or the image.",
        rich_help_panel=HOW,
    ),
]
ArraysOption = Annotated[
    bool,
    typer.Option("--arrays/--no-arrays", help="Store arrays as safetensors.", rich_help_panel=RUN),
]
FiguresOption = Annotated[
    bool,
    typer.Option(
        "--figures/--no-figures",
        help="Draw a figure per image, side by side; this takes longer than the maps.",
        rich_help_panel=RUN,
    ),
]


def map_images(  # noqa: PLR0913, PLR0917
    images: ImagesArgument,
    output: OutputOption,
    text: TextOption = None,
    texts_file: TextsFileOption = None,
    other: OtherOption = None,
    encoder: EncoderOption = "embedded:clip-objects",
    method: MethodOption = None,
    template: TemplateOption = None,
    templates: TemplatesOption = None,
    size: SizeOption = None,
    framing: FramingOption = DEFAULTS.framing,
    scaling: ScalingOption = DEFAULTS.scaling,
    removal: RemovalOption = DEFAULTS.removal,
    shifts: ShiftsOption = DEFAULTS.shifts,
    look: LookOption = DEFAULTS.look,
    frame: FrameOption = DEFAULTS.frame,
    strict: StrictOption = False,
    arrays: ArraysOption = DEFAULTS.arrays,
    figures: FiguresOption = DEFAULTS.figures,
    batch_size: BatchOption = DEFAULTS.batch_size,
    max_failures: FailuresOption = DEFAULTS.max_failures,
    tolerate_truncated: TruncatedOption = False,
    device: DeviceOption = "auto",
    allow_download: DownloadOption = False,
    seed: SeedOption = DEFAULTS.seed,
) -> None:
    """Show where images show what texts say.

    Writes each map over its image, a table, arrays, and report.html.

    What the output holds is kept if the question is the same: a run that was cut short goes on.
    """
    given = {name: value for name, value in locals().items() if name in MapSettings.model_fields}
    settings = MapSettings(
        **given | {"templates": chosen_templates(template, templates)},
        methods=tuple(method or DEFAULTS.methods),
        progress=sys.stderr.isatty(),
    )
    texts, notes = texts_given(text, texts_file)
    from seewhy.data.images import ReadPolicy
    from seewhy.data.places import open_places
    from seewhy.mapping.asking import asked_question
    from seewhy.mapping.run import TEXTS_FOLDER
    from seewhy.mapping.run import map_images as run
    from seewhy.results.files import output_folder

    source = open_places(images, policy=ReadPolicy(tolerate_truncated=tolerate_truncated))
    question = asked_question(
        encoder,
        texts,
        settings,
        others=other or (),
        methods=settings.methods,
        kept_texts=output_folder(output) / TEXTS_FOLDER,
    )
    question = replace(question, notes=(*question.notes, *notes))
    result = run(question, source, output, settings)
    show_result(result, output)
    result.check(max_failures=max_failures)


def show_result(result: "MapsResult", output: Path) -> None:
    """Print the figures of a single image, counts, notes, and where the report is."""
    if result.made + result.kept == 1:
        show_table(
            _rows(output),
            header=("text", "method", "whole image", "lowest", "highest", "highest at x, y"),
        )
    show(f"images   {result.made} made, {result.kept} kept, {len(result.failures)} failed")
    for failure in result.failures[:5]:
        show(f"failed   {failure.id}: {failure.code}")
    for note in result.document.notes:
        show(f"note     {note}")
    show(f"report   {result.report}")


def _rows(output: Path) -> Iterator[tuple[str, ...]]:
    import pyarrow.parquet

    from seewhy.mapping.tables import NAME
    from seewhy.results.text import short_text

    for row in pyarrow.parquet.read_table(output / f"{NAME}.parquet").to_pylist()[:50]:
        nowhere = "no gradient" if row["low"] is None else "everywhere"
        place = nowhere if row["x"] is None else f"{row['x']}, {row['y']}"
        figures = (number_text(row[name]) for name in ("similarity", "low", "high"))
        yield short_text(row["text"], 60), row["method"], *figures, place
