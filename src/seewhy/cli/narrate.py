"""`seewhy narrate`: questions about images, answered with a reason and what supports it."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from seewhy.cli.console import show, show_table
from seewhy.cli.maps import ImagesArgument
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
from seewhy.results.text import number_text, percent_text, short_text
from seewhy.telling.settings import (
    USUAL_ENCODER,
    USUAL_NARRATOR,
    USUAL_QUESTION,
    TellingSettings,
)

if TYPE_CHECKING:
    from seewhy.telling.entries import Telling
    from seewhy.telling.run import TellingsResult

DEFAULTS = TellingSettings()

QuestionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--question",
        metavar="TEXT",
        help=f"What to ask; may be given more than once. By default {USUAL_QUESTION!r}.",
        rich_help_panel=ASK,
    ),
]
NarratorOption = Annotated[
    str,
    typer.Option(
        metavar="NAME|FOLDER",
        help="Who answers: a narrator that ships, or a folder of `seewhy train narrator` or of a "
        "published checkpoint. The default knows drawn scenes.",
        rich_help_panel=ASK,
    ),
]
ClassifierOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="A classifier, as `seewhy models` explains: the class it predicts is given as the "
        "answer, and the narrator writes the reason.",
        rich_help_panel=ASK,
    ),
]
EncoderOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The dual encoder that looks for what a reason names.",
        rich_help_panel=ASK,
    ),
]
SupportOption = Annotated[
    bool,
    typer.Option("--support/--no-support", help="Look for what reasons name.", rich_help_panel=HOW),
]
HidingOption = Annotated[
    bool,
    typer.Option(
        "--hiding/--no-hiding",
        help="Hide what reasons name, and see what becomes of the sentence and the class.",
        rich_help_panel=HOW,
    ),
]
BeamsOption = Annotated[
    int,
    typer.Option(
        min=1,
        help="Sentences that are tried at a time to find the likeliest; 1 takes word by word.",
        rich_help_panel=HOW,
    ),
]
RegionOption = Annotated[
    float,
    typer.Option(
        min=0.001,
        max=0.5,
        metavar="SHARE",
        help="The share of an image that the region of a thing has at most.",
        rich_help_panel=HOW,
    ),
]
BankOption = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        help="The concepts that things are compared with, other than drawn ones.",
        rich_help_panel=HOW,
    ),
]
SizeOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="PIXELS",
        help="The side of the encoder's input, a multiple of its patches.",
        rich_help_panel=HOW,
    ),
]
FiguresOption = Annotated[
    bool,
    typer.Option(
        "--figures/--no-figures", help="A picture of each thing named.", rich_help_panel=RUN
    ),
]


def narrate(  # noqa: PLR0913, PLR0917
    images: ImagesArgument,
    output: OutputOption,
    question: QuestionOption = None,
    narrator: NarratorOption = USUAL_NARRATOR,
    classifier: ClassifierOption = None,
    encoder: EncoderOption = USUAL_ENCODER,
    support: SupportOption = DEFAULTS.support,
    hiding: HidingOption = DEFAULTS.hiding,
    beams: BeamsOption = DEFAULTS.beams,
    region: RegionOption = DEFAULTS.region,
    bank: BankOption = DEFAULTS.bank,
    size: SizeOption = DEFAULTS.size,
    figures: FiguresOption = DEFAULTS.figures,
    batch_size: BatchOption = DEFAULTS.batch_size,
    max_failures: FailuresOption = DEFAULTS.max_failures,
    tolerate_truncated: TruncatedOption = False,
    device: DeviceOption = "auto",
    allow_download: DownloadOption = False,
    seed: SeedOption = DEFAULTS.seed,
) -> None:
    """Answer questions about images with a reason, and check what the reason names.

    With --classifier, say why an image may be what a classifier takes it for.
    Writes answers and reasons with their support, tables, and report.html.

    What the output holds is kept if the question is the same: a run that was cut short goes on.
    """
    given = {
        name: value for name, value in locals().items() if name in TellingSettings.model_fields
    }
    settings = TellingSettings(
        **given | {"questions": tuple(question or DEFAULTS.questions)},
        progress=sys.stderr.isatty(),
    )
    from seewhy.data.images import ReadPolicy
    from seewhy.data.places import open_places
    from seewhy.results.files import output_folder
    from seewhy.telling.asking import asked_telling
    from seewhy.telling.run import TEXTS_FOLDER, narrate_images

    source = open_places(images, policy=ReadPolicy(tolerate_truncated=tolerate_truncated))
    wanted = asked_telling(
        narrator,
        settings,
        encoder=encoder,
        classifier=classifier,
        kept_texts=output_folder(output) / TEXTS_FOLDER,
    )
    result = narrate_images(wanted, source, output)
    show_result(result)
    result.check(max_failures=max_failures)


def show_result(result: "TellingsResult") -> None:
    """Print what is told of a single image, counts, notes, and where the report is."""
    document = result.document
    if result.first is not None and result.made + result.kept == 1:
        for telling in result.first.tellings:
            _show_telling(telling)
    for name, count in document.verdicts.items():
        show(f"{count} of {document.reasons} reasons {name}")
    if document.agreed is not None:
        show(f"{document.agreed} of {document.reasons} answers are the narrator's own, too")
    show(f"images   {result.made} made, {result.kept} kept, {len(result.failures)} failed")
    for failure in result.failures[:5]:
        show(f"failed   {failure.id}: {failure.code}")
    for note in document.notes:
        show(f"note     {note}")
    show(f"report   {result.report}")


def _show_telling(telling: "Telling") -> None:
    sure = "" if telling.probability is None else f" ({percent_text(telling.probability)})"
    show(f"{telling.question}: {telling.answer}{sure} because {telling.reason or '...'}")
    if telling.own_answer is not None and telling.own_answer != telling.answer:
        show(f"the narrator itself answers {telling.own_answer!r}")
    phrases = [phrase for each in telling.statements for phrase in each.phrases]
    if phrases:
        show_table(
            (
                (
                    short_text(f"{'no ' if each.is_negated else ''}{each.text}", 60),
                    each.verdict,
                    number_text(each.lead),
                    each.why,
                )
                for each in phrases
            ),
            header=("said", "support", "lead", "why"),
        )
