"""`seewhy concepts`: what do images show, and what do classes expect, in words?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seewhy.cli.asking import TemplateOption, TemplatesOption, chosen_templates
from seewhy.cli.console import show, show_table
from seewhy.cli.maps import FramingOption, ImagesArgument
from seewhy.cli.options import (
    ASK,
    HOW,
    RUN,
    DeviceOption,
    DownloadOption,
    FailuresOption,
    OutputOption,
    SeedOption,
    TruncatedOption,
)
from seewhy.concepts.settings import ConceptSettings
from seewhy.results.text import number_text, percent_text, short_text

if TYPE_CHECKING:
    from seewhy.concepts.entries import Reading
    from seewhy.concepts.run import ConceptsResult

DEFAULTS = ConceptSettings()
_USUAL_ENCODER = "embedded:clip-objects"
_MOST_CLASSES = 100_000

ClassOption = Annotated[
    list[str] | None,
    typer.Option(
        "--class",
        metavar="NAME",
        help="A class to tell apart; by default the folders or labels of the images.",
        rich_help_panel=ASK,
    ),
]
ClassesFileOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="More classes, one a line, in UTF-8.", rich_help_panel=ASK),
]
BankOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="The texts to choose from: general, objects (the default for the default encoder), or "
        "a file with one a line, a JSON list, or a JSON object of classes and lists.",
        rich_help_panel=ASK,
    ),
]
EncodersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--encoder",
        metavar="NAME",
        help="A dual encoder, as `seewhy models` explains; more than one are put side by side. By "
        "default embedded:clip-objects, which knows drawn scenes.",
        rich_help_panel=ASK,
    ),
]
ProtocolOption = Annotated[
    Literal["mended", "published"],
    typer.Option(help="As the published code computes, or with its faults mended.",
                 rich_help_panel=HOW),
]  # fmt: skip
ProcedureOption = Annotated[
    Literal["parts", "objects"] | None,
    typer.Option(
        help="Name clusters of the foreground by pictures that point at them, or whole objects "
        "shown alone. By default the first, where the encoders know enough words.",
        rich_help_panel=HOW,
    ),
]
PartsOption = Annotated[
    int,
    typer.Option(
        min=1, help="How many parts an image is cut into, or objects at most.", rich_help_panel=HOW
    ),
]
RefineOption = Annotated[
    Literal["meanfield", "guided", "none"],
    typer.Option(help="What fits the edges of parts to those of the image.", rich_help_panel=HOW),
]
PartMethodOption = Annotated[
    Literal["kmeans", "pca"], typer.Option(help="What makes clusters.", rich_help_panel=HOW)
]
ExpectedOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="How many texts a class expects; by default one in twenty of the bank, 5 to 50.",
        rich_help_panel=HOW,
    ),
]
SizeOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="PIXELS",
        help="The side of the model's input, a multiple of its patches; by default its own.",
        rich_help_panel=HOW,
    ),
]
BatchOption = Annotated[
    int,
    typer.Option(
        min=1,
        help="Images at a time; as published, those that decide each other's parts.",
        rich_help_panel=RUN,
    ),
]


def concepts(  # noqa: PLR0913, PLR0917
    images: ImagesArgument,
    output: OutputOption,
    class_names: ClassOption = None,
    classes_file: ClassesFileOption = None,
    bank: BankOption = DEFAULTS.bank,
    encoder: EncodersOption = None,
    protocol: ProtocolOption = DEFAULTS.protocol,
    procedure: ProcedureOption = DEFAULTS.procedure,
    parts: PartsOption = DEFAULTS.parts,
    refine: RefineOption = DEFAULTS.refine,
    part_method: PartMethodOption = DEFAULTS.part_method,
    expected: ExpectedOption = DEFAULTS.expected,
    template: TemplateOption = None,
    templates: TemplatesOption = None,
    size: SizeOption = DEFAULTS.size,
    framing: FramingOption = DEFAULTS.framing,
    batch_size: BatchOption = DEFAULTS.batch_size,
    max_failures: FailuresOption = DEFAULTS.max_failures,
    tolerate_truncated: TruncatedOption = False,
    device: DeviceOption = "auto",
    allow_download: DownloadOption = False,
    seed: SeedOption = DEFAULTS.seed,
) -> None:
    """Say in words what images show, what classes expect, and what both share.

    Writes parts over images, their words, tables, and report.html.

    What the output holds is kept if the question is the same: a run that was cut short goes on.
    """
    given = {
        name: value for name, value in locals().items() if name in ConceptSettings.model_fields
    }
    settings = ConceptSettings(
        **given | {"templates": chosen_templates(template, templates)},
        progress=sys.stderr.isatty(),
    )
    from seewhy.concepts.asking import asked_concepts
    from seewhy.concepts.classes import known_classes
    from seewhy.concepts.run import TEXTS_FOLDER, explain_images
    from seewhy.data.images import ReadPolicy
    from seewhy.data.places import open_places
    from seewhy.results.files import output_folder

    names = _named(class_names, classes_file)
    source = open_places(images, policy=ReadPolicy(tolerate_truncated=tolerate_truncated))
    question = asked_concepts(
        encoder or [_USUAL_ENCODER],
        known_classes(names, source.records),
        settings,
        kept_texts=output_folder(output) / TEXTS_FOLDER,
    )
    result = explain_images(question, source, output, settings)
    show_result(result, output)
    result.check(max_failures=max_failures)


def _named(class_names: list[str] | None, classes_file: Path | None) -> list[str]:
    """Classes of the line and of the file, in this order, each once."""
    from seewhy.data.texts import read_texts

    names = list(class_names or ())
    if classes_file is None:
        return names
    found = read_texts(classes_file, most=_MOST_CLASSES)
    return [*names, *(each for each in found.texts if each not in names)]


def show_result(result: "ConceptsResult", output: Path) -> None:
    """Print the words of a single image, the figures of encoders, notes, and the report."""
    document = result.document
    if result.made + result.kept == 1:
        for reading in _readings(output):
            _show_reading(reading)
    else:
        show_table(
            (
                (
                    short_text(each.name, 60),
                    percent_text(each.accuracy.value if each.accuracy else None),
                    number_text(each.information.value if each.information else None),
                    number_text(each.area.value if each.area else None),
                    number_text(each.chance.mean if each.chance else None),
                )
                for each in document.encoders
            ),
            header=("encoder", "accuracy", "MI", "AUC", "mean area by chance"),
        )
    show(f"images   {result.made} made, {result.kept} kept, {len(result.failures)} failed")
    for failure in result.failures[:5]:
        show(f"failed   {failure.id}: {failure.code}")
    for note in document.notes:
        show(f"note     {note}")
    show(f"report   {result.report}")


def _show_reading(reading: "Reading") -> None:
    winner = reading.predicted
    show(f"{reading.encoder}: {winner.name}, then {reading.runner_up.name}")
    show_table(
        (
            (str(part.number), percent_text(part.share), "; ".join(x.text for x in part.texts))
            for part in reading.parts
        ),
        header=("part", "share", "texts"),
    )
    show(
        f"shared   {len(winner.shared)} of {len(reading.found)} texts found "
        f"(chance of as many: {number_text(winner.p_value)}): {'; '.join(winner.shared) or 'none'}"
    )


def _readings(output: Path) -> "list[Reading]":
    import json

    from seewhy.concepts.entries import Reading
    from seewhy.concepts.tables import LINES

    lines = (output / LINES).read_text(encoding="utf-8").splitlines()
    found = (each for line in lines for each in json.loads(line)["readings"])
    return [Reading.model_validate(each) for each in found]
