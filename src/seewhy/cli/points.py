"""`seewhy points`: from texts to points and masks, for segmentation networks."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seewhy.base.errors import UsageError
from seewhy.cli.asking import (
    EncoderOption,
    RemovalOption,
    ShiftsOption,
    SizeOption,
    StrictOption,
    TemplateOption,
    TemplatesOption,
    chosen_templates,
)
from seewhy.cli.console import show, show_table
from seewhy.cli.options import (
    ASK,
    HOW,
    DeviceOption,
    DownloadOption,
    SeedOption,
    TruncatedOption,
)
from seewhy.mapping.settings import PointSettings
from seewhy.results.text import number_text, percent_text, short_text

if TYPE_CHECKING:
    from seewhy.mapping.pointing import PointsDocument

DEFAULTS = PointSettings()

ImageArgument = Annotated[Path, typer.Argument(metavar="IMAGE", help="One image.")]
TextOption = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        metavar="TEXT",
        help="What to point at. Plus signs join texts that are looked for together, as in "
        "'person+bench'; \\+ is a plus sign that is meant. May be given more than once.",
        rich_help_panel=ASK,
    ),
]
PointsOutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        file_okay=False,
        help="The folder for points, masks and a figure; without it points are printed as JSON.",
    ),
]
MethodOption = Annotated[
    str, typer.Option(metavar="NAME", help="What makes the maps.", rich_help_panel=ASK)
]
ThresholdOption = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="How much of its range the map has to reach for a point on the thing.",
        rich_help_panel=HOW,
    ),
]
ShrinkOption = Annotated[
    int,
    typer.Option(min=1, help="How many times smaller the map is made first.", rich_help_panel=HOW),
]
ApartOption = Annotated[
    bool,
    typer.Option(
        "--apart",
        help="Leave out points beside all texts that lie on one of them.",
        rich_help_panel=HOW,
    ),
]
MaskOption = Annotated[
    float,
    typer.Option(
        min=0,
        max=1,
        help="How much of its range the map has to reach inside the mask.",
        rich_help_panel=HOW,
    ),
]
SamOption = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER|CHECKPOINT",
        help="A Segment Anything that cuts out what the points lie on.",
        rich_help_panel=ASK,
    ),
]


def points(  # noqa: PLR0913, PLR0917
    image: ImageArgument,
    text: TextOption = None,
    output: PointsOutputOption = None,
    encoder: EncoderOption = "embedded:clip-objects",
    method: MethodOption = DEFAULTS.method,
    sam: SamOption = None,
    template: TemplateOption = None,
    templates: TemplatesOption = None,
    size: SizeOption = None,
    removal: RemovalOption = DEFAULTS.removal,
    shifts: ShiftsOption = DEFAULTS.shifts,
    threshold: ThresholdOption = DEFAULTS.threshold,
    shrink: ShrinkOption = DEFAULTS.shrink,
    apart: ApartOption = DEFAULTS.apart,
    mask_threshold: MaskOption = DEFAULTS.mask_threshold,
    strict: StrictOption = False,
    tolerate_truncated: TruncatedOption = False,
    device: DeviceOption = "auto",
    allow_download: DownloadOption = False,
    seed: SeedOption = DEFAULTS.seed,
) -> None:
    """Point at what texts name in an image, and cut it out.

    Prints points as JSON, or writes them with masks and a figure into a folder.
    """
    given = {name: value for name, value in locals().items() if name in PointSettings.model_fields}
    if not text:
        raise UsageError("name at least one text with --text.")
    if not threshold or not mask_threshold:
        raise UsageError("--threshold and --mask-threshold have to be above 0.")
    settings = PointSettings(**given | {"templates": chosen_templates(template, templates)})
    from seewhy.data.images import ReadPolicy, read_image
    from seewhy.mapping.asking import asked_question
    from seewhy.mapping.pointing import all_texts, find_points, points_document, save_points
    from seewhy.models.segmenters import load_segmenter

    texts = all_texts(text)
    picture = read_image(image, policy=ReadPolicy(tolerate_truncated=tolerate_truncated))
    segmenter = None if sam is None else load_segmenter(sam, device=device)
    question = asked_question(encoder, texts, settings, methods=[method])
    found = find_points(question, picture, text, settings, segmenter=segmenter)
    document = points_document(question, found, settings, image=image.name)
    if output is None:
        show(json.dumps(document.model_dump(mode="json"), indent=2))
        return
    show_points(save_points(document, found, output, image=picture), output)


def show_points(document: "PointsDocument", output: Path) -> None:
    """Print a row per asked text, notes, and where the files are."""
    show_table(
        (
            (
                short_text(each.asked, 60),
                str(sum(point.label for point in each.points)),
                str(sum(not point.label for point in each.points)),
                percent_text(each.mask.share),
                "–" if each.segment is None else percent_text(each.segment.share),
                "–" if each.segment is None else number_text(each.segment.score),
            )
            for each in document.found
        ),
        header=("text", "points on it", "beside", "mask of the map", "cut out", "expected"),
    )
    for note in document.notes:
        show(f"note     {note}")
    show(f"points   {output / 'points.json'}")
