"""`seewhy pairs`: why are two images alike, or a query and its neighbours?"""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seewhy.base.errors import UsageError
from seewhy.cli.console import show, show_table
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
from seewhy.results.text import number_text, short_text
from seewhy.similarity.settings import PairSettings

if TYPE_CHECKING:
    from seewhy.similarity.run import PairsResult

DEFAULTS = PairSettings()
USUAL_ENCODER = "embedded:clip-objects"

ImagesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="A B", help="Two images; or none, with --query and --gallery."),
]
QueryOption = Annotated[
    str | None,
    typer.Option(metavar="IMAGE", help="The image to find neighbours of.", rich_help_panel=ASK),
]
GalleryOption = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="Where to look for them: a folder of images, or a manifest in CSV or Parquet.",
        rich_help_panel=ASK,
    ),
]
TopOption = Annotated[
    int, typer.Option(min=1, help="How many neighbours to explain.", rich_help_panel=ASK)
]
EncoderOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="What embeds images: embedded:..., ssl:FAMILY@PATH, open_clip:..., timm:..., "
        "torchvision:..., as `seewhy models` explains.",
        rich_help_panel=ASK,
    ),
]
MethodOption = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        metavar="NAME",
        help="By default matched-gradient (where the encoder has maps) and occlusion. Others: "
        "hires-cam, grad-cam, patch-matching, interaction-cam, pairwise-occlusion, smooth-grad, "
        "...",
        rich_help_panel=ASK,
    ),
]
ComparedOption = Annotated[
    Literal["head", "features"] | None,
    typer.Option(
        help="Compare the output of the encoder's head, or the features before it; by default "
        "what the encoder is made for.",
        rich_help_panel=HOW,
    ),
]
ProtocolOption = Annotated[
    Literal["mended", "published"],
    typer.Option(
        help="As the published code computes, or with its faults mended.", rich_help_panel=HOW
    ),
]
FramingOption = Annotated[
    Literal["model", "whole"],
    typer.Option(
        help="Show what the encoder's own preprocessing leaves, or the whole image squashed.",
        rich_help_panel=HOW,
    ),
]
SizeOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="PIXELS",
        help="The side of the encoder's input; by default its own.",
        rich_help_panel=HOW,
    ),
]
RegionOption = Annotated[
    float,
    typer.Option(
        min=0.0001,
        max=0.5,
        metavar="SHARE",
        help="The share of an image that its top region has at most.",
        rich_help_panel=HOW,
    ),
]
ArraysOption = Annotated[
    bool, typer.Option("--arrays", help="Keep the maps as safetensors.", rich_help_panel=RUN)
]
FrameOption = Annotated[
    Literal["image", "input"],
    typer.Option(
        help="With --arrays: over the image's own pixels, or the encoder's input.",
        rich_help_panel=RUN,
    ),
]
BatchOption = Annotated[
    int, typer.Option(min=1, help="Images and pairs at a time.", rich_help_panel=RUN)
]


def pairs(  # noqa: PLR0913, PLR0917
    output: OutputOption,
    images: ImagesArgument = None,
    query: QueryOption = None,
    gallery: GalleryOption = None,
    top: TopOption = DEFAULTS.top,
    encoder: EncoderOption = USUAL_ENCODER,
    method: MethodOption = None,
    compared: ComparedOption = DEFAULTS.compared,
    protocol: ProtocolOption = DEFAULTS.protocol,
    framing: FramingOption = DEFAULTS.framing,
    size: SizeOption = DEFAULTS.size,
    region: RegionOption = DEFAULTS.region,
    arrays: ArraysOption = DEFAULTS.arrays,
    frame: FrameOption = "image",
    batch_size: BatchOption = DEFAULTS.batch_size,
    max_failures: FailuresOption = DEFAULTS.max_failures,
    tolerate_truncated: TruncatedOption = False,
    device: DeviceOption = "auto",
    allow_download: DownloadOption = False,
    seed: SeedOption = DEFAULTS.seed,
) -> None:
    """Show what makes two images alike to an encoder, or a query and its nearest images.

    Writes maps over both images with linked regions, tables, and report.html.

    What the output holds is kept if the question is the same: a run that was cut short goes on.
    """
    given = {name: value for name, value in locals().items() if name in PairSettings.model_fields}
    settings = PairSettings(
        **given | {"methods": tuple(method) if method else None}, progress=sys.stderr.isatty()
    )
    _check(images, query, gallery)
    from seewhy.data.images import ReadPolicy
    from seewhy.data.places import open_places
    from seewhy.similarity.asking import asked_pairs
    from seewhy.similarity.run import explain_neighbours, explain_pair, one_image

    policy = ReadPolicy(tolerate_truncated=tolerate_truncated)
    places = images or [str(query), str(gallery)]
    first, second = (open_places([place], policy=policy) for place in places)
    question = asked_pairs(encoder, settings)
    one = one_image(first, wanted="the query" if query else "the first of a pair")
    if query:
        result = explain_neighbours(question, one, second, output=output, settings=settings)
    else:
        other = one_image(second, wanted="the second of a pair")
        result = explain_pair(question, (one, other), output, settings)
    show_result(result)
    result.check(max_failures=max_failures)


def _check(images: list[str] | None, query: str | None, gallery: str | None) -> None:
    named = len(images or ())
    if (named, query is None, gallery is None) in {(2, True, True), (0, False, False)}:
        return
    given = [name for name, each in (("--query", query), ("--gallery", gallery)) if each]
    raise UsageError(
        f"{named} images{' and ' if given else ''}{' and '.join(given)} were named; wanted two "
        "images, or --query with --gallery and nothing else."
    )


def show_result(result: "PairsResult") -> None:
    """Print the pairs with their cosines, notes, and where the report is."""
    document = result.document
    show_table(
        (
            (str(each.rank or ""), short_text(each.image, 60), number_text(each.similarity))
            for each in document.pairs
        ),
        header=("rank", "image", "cosine"),
    )
    if document.gallery:
        show(
            f"gallery  {document.gallery.images} images, median cosine "
            f"{number_text(document.gallery.median)}"
        )
    show(f"pairs    {result.made} made, {result.kept} kept, {len(result.failures)} failed")
    for failure in result.failures[:5]:
        show(f"failed   {failure.id}: {failure.code}")
    for note in document.notes:
        show(f"note     {note}")
    show(f"report   {result.report}")
