"""`seewhy edit-caption`: one caption of one image mended, with what each edit rests on."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seewhy.base.errors import UsageError
from seewhy.cli.console import show, show_table
from seewhy.cli.options import ASK, HOW, RUN, DeviceOption, TruncatedOption
from seewhy.mending.settings import USUAL_EDITOR, MendingSettings
from seewhy.results.text import number_text, percent_text, short_text

if TYPE_CHECKING:
    from seewhy.mending.entries import EditEvidence, ScriptWord

DEFAULTS = MendingSettings()

_EDGES = 4
_FATES = {"keep": "kept", "replace": "replaced", "insert": "inserted", "delete": "deleted"}

EditorOption = Annotated[
    str,
    typer.Option(
        metavar="NAME|FOLDER",
        help="Who edits: an editor that ships, or a folder of `seewhy train editor`. The default "
        "knows drawn scenes.",
        rich_help_panel=ASK,
    ),
]
BeamsOption = Annotated[
    int,
    typer.Option(
        min=1,
        help="Captions that are tried at a time to find the likeliest; 1 takes word by word.",
        rich_help_panel=HOW,
    ),
]
LimitOption = Annotated[
    int, typer.Option(min=1, help="The most words of an edited caption.", rich_help_panel=HOW)
]
NoRepeatOption = Annotated[
    int,
    typer.Option(
        min=0, metavar="WORDS", help="No run of so many words comes twice.", rich_help_panel=HOW
    ),
]
AlternativesOption = Annotated[
    int,
    typer.Option(
        min=0, help="Next best captions that are named, fewer than beams.", rich_help_panel=HOW
    ),
]
IterationsOption = Annotated[
    int,
    typer.Option(min=1, help="Edit what was edited, so many times.", rich_help_panel=HOW),
]
UndoingOption = Annotated[
    bool,
    typer.Option(
        "--undoing/--no-undoing",
        help="Ask how much likelier the caption is with each edit than without it.",
        rich_help_panel=HOW,
    ),
]
FiguresOption = Annotated[
    bool,
    typer.Option("--figures/--no-figures", help="A picture of each edit.", rich_help_panel=RUN),
]
BoxOption = Annotated[
    list[str] | None,
    typer.Option(
        "--box",
        metavar="L,T,R,B",
        help="Left, top, right and bottom of a region in pixels, for an editor that looks at "
        "boxes. May be given more than once.",
        rich_help_panel=ASK,
    ),
]


def edit_caption(  # noqa: PLR0913, PLR0917
    image: Annotated[Path, typer.Argument(help="The image that the caption is about.")],
    caption: Annotated[str, typer.Option(help="What is to be mended.", rich_help_panel=ASK)],
    editor: EditorOption = USUAL_EDITOR,
    box: BoxOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            file_okay=False,
            help="A folder for pictures, tables and report.html; without it all is printed.",
        ),
    ] = None,
    beams: BeamsOption = DEFAULTS.beams,
    limit: LimitOption = DEFAULTS.limit,
    no_repeat: NoRepeatOption = DEFAULTS.no_repeat,
    alternatives: AlternativesOption = DEFAULTS.alternatives,
    iterations: IterationsOption = DEFAULTS.iterations,
    undoing: UndoingOption = DEFAULTS.undoing,
    figures: FiguresOption = DEFAULTS.figures,
    tolerate_truncated: TruncatedOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Mend a caption by looking at its image.

    Prints the edited caption and what became of each word: kept, replaced, inserted, deleted.
    With --output also pictures of where the network looked, and a page.
    """
    given = {
        name: value for name, value in locals().items() if name in MendingSettings.model_fields
    }
    settings = MendingSettings(**given)
    from seewhy.data.images import ReadPolicy
    from seewhy.mending.asking import asked_mending, check_boxes
    from seewhy.mending.captions import one_caption

    policy = ReadPolicy(tolerate_truncated=tolerate_truncated)
    source = one_caption(image, caption, boxes=asked_boxes(box), policy=policy)
    question = asked_mending(editor, settings)
    check_boxes(question, source.items)
    if output is None:
        from seewhy.mending.mending import mend

        (item,) = source.items
        (mended,) = mend(question, [item], [item.record.read()])
        show_edit(caption, mended.edit.text, mended.script, mended.edits)
        for note in (*mended.edit.notes, *question.notes):
            show(f"note     {note}")
        return
    from seewhy.mending.run import edit_captions

    result = edit_captions(question, source, output)
    result.check(max_failures=0.0)
    if result.first is not None:
        entry = result.first
        show_edit(caption, entry.edited, entry.script, entry.edits)
        for note in (*entry.notes, *result.document.notes):
            show(f"note     {note}")
    show(f"report   {result.report}")


def show_edit(
    before: str, after: str, script: "Sequence[ScriptWord]", edits: "Sequence[EditEvidence]"
) -> None:
    """Print a caption before and after, a row per word, and a row per edit."""
    show(f"before   {before}")
    show(f"after    {after}" if edits else f"after    {after} (left as it was)")
    show_table(
        _words(script), header=("word", "was", "", "probability", "read most", "looked most at")
    )
    if edits:
        show_table(_edits(edits), header=("edit", "before", "after", "likelier with it"))


def asked_boxes(texts: Sequence[str] | None) -> list[tuple[float, float, float, float]] | None:
    """Boxes as they were given on the line; raises `UsageError` for other than four numbers."""
    return None if texts is None else [_box(text) for text in texts]


def _box(text: str) -> tuple[float, float, float, float]:
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError:
        edges = []
    if len(edges) != _EDGES:
        raise UsageError(
            f"the box {text!r} is not four numbers. Give left, top, right and bottom in pixels, "
            "such as --box 10,20,60,80."
        )
    left, top, right, bottom = edges
    return left, top, right, bottom


def _words(script: "Sequence[ScriptWord]") -> Iterator[tuple[str, ...]]:
    for each in script:
        read = each.read[0] if each.read else None
        seen = each.seen[0] if each.seen else None
        yield (
            short_text(each.new or "", 30),
            "" if each.kind == "keep" else short_text(each.old or "", 30),
            _FATES[each.kind],
            "" if each.probability is None else percent_text(each.probability),
            f"{short_text(read.word, 30)} {percent_text(read.weight)}" if read else "",
            f"region {seen.number + 1} {percent_text(seen.weight)}" if seen else "",
        )


def _edits(edits: "Sequence[EditEvidence]") -> Iterator[tuple[str, ...]]:
    from seewhy.mending.wording import odds_text

    for each in edits:
        yield (
            _FATES[each.kind],
            short_text(each.old, 60),
            short_text(each.new, 60),
            odds_text(each.gain) or number_text(None),
        )
