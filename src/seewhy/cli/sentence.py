"""`seewhy sentence`: which words of a sentence an image shows, and where."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from seewhy.cli.asking import (
    EncoderOption,
    SizeOption,
    StrictOption,
)
from seewhy.cli.console import show, show_table
from seewhy.cli.options import HOW, DeviceOption, DownloadOption, SeedOption, TruncatedOption
from seewhy.mapping.settings import SentenceSettings
from seewhy.results.text import number_text, short_text

if TYPE_CHECKING:
    from seewhy.mapping.sentences import SentenceDocument

DEFAULTS = SentenceSettings()

ImageArgument = Annotated[Path, typer.Argument(metavar="IMAGE", help="One image.")]
SentenceArgument = Annotated[
    str, typer.Argument(metavar="SENTENCE", help="What may be true of the image, in quotes.")
]
SentenceOutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        file_okay=False,
        help="The folder for maps and a figure; without it the words are printed as JSON.",
    ),
]
ByOption = Annotated[
    Literal["end", "top"],
    typer.Option(
        help="What draws the map of the sentence: its end, which stands for all of it, or the "
        "mean of the tokens that fit the image best.",
        rich_help_panel=HOW,
    ),
]
TopOption = Annotated[
    int, typer.Option(min=1, help="How many tokens --by top takes.", rich_help_panel=HOW)
]


def sentence(  # noqa: PLR0913, PLR0917
    image: ImageArgument,
    sentence: SentenceArgument,
    output: SentenceOutputOption = None,
    encoder: EncoderOption = "embedded:clip-vit",
    by: ByOption = DEFAULTS.by,
    top: TopOption = DEFAULTS.top,
    size: SizeOption = None,
    strict: StrictOption = False,
    tolerate_truncated: TruncatedOption = False,
    device: DeviceOption = "auto",
    allow_download: DownloadOption = False,
    seed: SeedOption = DEFAULTS.seed,
) -> None:
    """Show which words of a sentence an image shows, and where.

    Prints words and scores as JSON, or writes them with maps and a figure into a folder.
    """
    given = {
        name: value for name, value in locals().items() if name in SentenceSettings.model_fields
    }
    settings = SentenceSettings(**given)
    from seewhy.data.images import ReadPolicy, read_image
    from seewhy.mapping.sentences import (
        save_sentence,
        see_sentence,
        sentence_document,
        sentence_question,
    )

    picture = read_image(image, policy=ReadPolicy(tolerate_truncated=tolerate_truncated))
    question = sentence_question(encoder, sentence, settings)
    seen = see_sentence(question, picture, settings)
    document = sentence_document(question, seen, settings, image=image.name)
    if output is None:
        show(json.dumps(document.model_dump(mode="json"), indent=2))
        return
    save_sentence(document, seen, output, image=picture)
    show_sentence(document, output)


def show_sentence(document: "SentenceDocument", output: Path) -> None:
    """Print a row per word, the similarity of the sentence, notes, and where the figure is."""
    show_table(
        (
            (
                short_text(each.word, 60),
                number_text(each.similarity),
                str(each.place or ""),
                number_text(each.low),
                number_text(each.high),
                "everywhere" if each.x is None else f"{each.x}, {each.y}",
            )
            for each in document.words
        ),
        header=("word", "whole image", "place", "lowest", "highest", "highest at x, y"),
    )
    show(f"sentence {number_text(document.similarity)}")
    for note in document.notes:
        show(f"note     {note}")
    show(f"figure   {output / 'sentence.png'}")
