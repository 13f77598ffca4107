"""`seewhy units`: which text does each unit of a network answer to?"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seewhy.cli.asking import EncoderOption
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
    ResumeOption,
    SeedOption,
    ShardOption,
    TruncatedOption,
    WorkersOption,
)
from seewhy.results.text import number_text, short_text
from seewhy.units.settings import UnitSettings

if TYPE_CHECKING:
    from seewhy.units.run import UnitsResult

DEFAULTS = UnitSettings()
_SHOWN = 20

ModelArgument = Annotated[
    str,
    typer.Argument(metavar="MODEL", help="The network, as `seewhy models` explains."),
]
SiteOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The layer whose units are named, such as layer4; a wrong name lists the nearest.",
        rich_help_panel=ASK,
    ),
]
DataOption = Annotated[
    str,
    typer.Option(metavar="FOLDER|FILE", help="Images to look at, many and various.",
                 rich_help_panel=ASK),
]  # fmt: skip
BankOption = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        help="The texts to choose from: general, objects, a JSON file, or one text a line.",
        rich_help_panel=ASK,
    ),
]
SimilarityOption = Annotated[
    Literal["soft-wpmi", "rank-reorder", "cosine-cubed", "rank-correlation"],
    typer.Option(help="How a unit is compared with a text.", rich_help_panel=HOW),
]
SummaryOption = Annotated[
    Literal["mean", "max"],
    typer.Option(help="What stands for a unit's map of an image.", rich_help_panel=HOW),
]
ProtocolOption = Annotated[
    Literal["mended", "published"],
    typer.Option(help="As the published code computes, or with its faults mended.",
                 rich_help_panel=HOW),
]  # fmt: skip
TextsOption = Annotated[
    int, typer.Option(min=2, help="How many texts are listed per unit.", rich_help_panel=HOW)
]
ShufflesOption = Annotated[
    int,
    typer.Option(min=1, help="Shuffles of the images behind each p-value.", rich_help_panel=HOW),
]
LevelOption = Annotated[
    float,
    typer.Option(
        min=0.0001, max=0.9999, help="The largest p-value with a name.", rich_help_panel=HOW
    ),
]
MostOption = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="IMAGES",
        help="Of more images so many are drawn by chance; this bounds the memory.",
        rich_help_panel=RUN,
    ),
]


def units(  # noqa: PLR0913, PLR0917
    model: ModelArgument,
    site: SiteOption,
    data: DataOption,
    output: OutputOption,
    bank: BankOption = DEFAULTS.bank,
    encoder: EncoderOption = DEFAULTS.encoder,
    similarity: SimilarityOption = DEFAULTS.similarity,
    summary: SummaryOption = DEFAULTS.summary,
    protocol: ProtocolOption = DEFAULTS.protocol,
    best_texts: TextsOption = DEFAULTS.best_texts,
    shuffles: ShufflesOption = DEFAULTS.shuffles,
    level: LevelOption = DEFAULTS.level,
    most_images: MostOption = DEFAULTS.most_images,
    batch_size: BatchOption = DEFAULTS.batch_size,
    max_failures: FailuresOption = DEFAULTS.max_failures,
    tolerate_truncated: TruncatedOption = False,
    shard_images: ShardOption = DEFAULTS.shard_images,
    resume: ResumeOption = False,
    workers: WorkersOption = DEFAULTS.workers,
    device: DeviceOption = "auto",
    allow_download: DownloadOption = False,
    seed: SeedOption = DEFAULTS.seed,
) -> None:
    """Name the units of a layer.

    Each gets the text that its activations answer to by a dual encoder, or no name where shuffled
    images give one as good. Writes tables and report.html.
    """
    given = {name: value for name, value in locals().items() if name in UnitSettings.model_fields}
    settings = UnitSettings(**given, progress=sys.stderr.isatty())
    from seewhy.data.images import ReadPolicy
    from seewhy.data.sources import open_source
    from seewhy.units.run import load_asked, name_units

    source = open_source(data, policy=ReadPolicy(tolerate_truncated=tolerate_truncated))
    result = name_units(load_asked(settings), source, output, settings, resume=resume)
    show_result(result, output)
    result.check(max_failures=max_failures)


def show_result(result: "UnitsResult", output: Path) -> None:
    """Print the clearest units, counts, notes, and where everything is."""
    names = result.names
    show_table(_rows(result), header=("unit", "name", "score", "margin", "p over all"))
    named = sum(name is not None for name in names.names)
    show(f"units    {named} of {len(names.names)} named, {int(names.silent.sum())} silent")
    show(f"images   {len(names.ids)} used, {len(names.failures)} failed")
    for note in result.notes:
        show(f"note     {note}")
    show(f"tables   {output / 'units.csv'}")
    show(f"report   {result.report}")


def _rows(result: "UnitsResult") -> Iterator[tuple[str, ...]]:
    from seewhy.units.page import clearest

    names = result.names
    for unit in clearest(names)[:_SHOWN]:
        figures = (names.scores[unit, 0], names.margin[unit], names.corrected[unit])
        yield (
            str(unit),
            short_text(names.names[unit] or "no name", 60),
            *(number_text(float(figure)) for figure in figures),
        )
