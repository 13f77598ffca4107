"""Options with which images are asked about texts."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from seewhy.base.errors import UsageError
from seewhy.cli.options import ASK, HOW
from seewhy.mapping.settings import MOST_SHIFTS

TextOption = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="TEXT", help="What to look for.", rich_help_panel=ASK),
]
EncoderOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The dual encoder, as `seewhy models` explains. The default knows drawn scenes.",
        rich_help_panel=ASK,
    ),
]
TemplateOption = Annotated[
    list[str] | None,
    typer.Option(
        "--template",
        metavar="TEXT",
        help="A prompt with {} where the text goes. May be given more than once.",
        rich_help_panel=HOW,
    ),
]
TemplatesOption = Annotated[
    Literal["published", "none"] | None,
    typer.Option(
        help="The 85 published templates, or the text by itself. By default the first, where "
        "the encoder knows their words.",
        rich_help_panel=HOW,
    ),
]
SizeOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="PIXELS",
        help="The side of the model's input, a multiple of its patches. By default the one next "
        "to 512, or the encoder's own if it is a small one.",
        rich_help_panel=HOW,
    ),
]
RemovalOption = Annotated[
    Literal["redundant", "common", "weighted-common", "nothing"] | None,
    typer.Option(
        help="What surgery takes away: what an empty text sees (the default, unless the encoder "
        "has learnt few words), or what all texts share.",
        rich_help_panel=HOW,
    ),
]
ShiftsOption = Annotated[
    int,
    typer.Option(
        min=1,
        max=MOST_SHIFTS,
        metavar="N",
        help="Show the model each image N x N times, shifted by parts of a patch, and give the "
        "mean: finer maps for N x N times the work.",
        rich_help_panel=HOW,
    ),
]
StrictOption = Annotated[
    bool,
    typer.Option("--strict", help="Refuse texts that the encoder would cut.", rich_help_panel=HOW),
]


def chosen_templates(template: list[str] | None, templates: str | None) -> Any:
    """What the two options together say; raises `UsageError` when both are given."""
    if template and templates:
        raise UsageError("give templates with --template, or choose with --templates; not both.")
    return tuple(template) if template else templates


def texts_given(text: list[str] | None, texts_file: Path | None) -> tuple[list[str], list[str]]:
    """Texts of the line and of the file, in this order, and notes on what was left out."""
    from seewhy.data.texts import read_texts
    from seewhy.mapping.asking import MOST_TEXTS

    texts = list(text or [])
    if texts_file is None:
        if not texts:
            raise UsageError("name at least one text with --text, or a file with --texts-file.")
        return texts, []
    found = read_texts(texts_file, most=MOST_TEXTS)
    return [*texts, *(each for each in found.texts if each not in texts)], list(found.notes)
