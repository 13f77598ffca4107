"""`seewhy edit-captions`: a file of captions mended, and what was systematically wrong in it."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seewhy.cli.console import show, show_table
from seewhy.cli.edit_caption import (
    DEFAULTS,
    AlternativesOption,
    BeamsOption,
    EditorOption,
    FiguresOption,
    IterationsOption,
    LimitOption,
    NoRepeatOption,
    UndoingOption,
)
from seewhy.cli.options import (
    ASK,
    HOW,
    BatchOption,
    BootstrapOption,
    DeviceOption,
    FailuresOption,
    OutputOption,
    SeedOption,
    TruncatedOption,
)
from seewhy.mending.settings import USUAL_EDITOR, MendingSettings
from seewhy.results.text import percent_text, short_text

if TYPE_CHECKING:
    from seewhy.evaluation.editing.document import Errors, ErrorsDocument, Share
    from seewhy.mending.run import EditsResult

_SHOWN = 10

WordsOption = Annotated[
    str,
    typer.Option(
        metavar="drawn|FILE",
        help="What words speak of: those of drawn scenes, or a JSON object from attributes, such "
        "as colour, to lists of words.",
        rich_help_panel=HOW,
    ),
]
FeaturesOption = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FOLDER|FILE",
        help="What the editor sees in place of the images, if it was trained with such features: "
        "a store, a folder of ID.npz, a table (.tsv), or two .hdf5.",
        rich_help_panel=ASK,
    ),
]
IndexOption = Annotated[
    list[Path] | None,
    typer.Option(help="Rows of each .hdf5 by image, as JSON.", rich_help_panel=ASK),
]
LeastOption = Annotated[
    int,
    typer.Option(
        min=1, help="So many uses make a word worth a row among the errors.", rich_help_panel=HOW
    ),
]


def edit_captions(  # noqa: PLR0913, PLR0917
    captions: Annotated[
        Path,
        typer.Argument(
            help="A JSON list of image_id and caption, one for each image; file_name and boxes, "
            "in pixels, may stand beside them."
        ),
    ],
    images: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER", help="Where the images are, by name or number.", rich_help_panel=ASK
        ),
    ],
    output: OutputOption,
    editor: EditorOption = USUAL_EDITOR,
    features: FeaturesOption = None,
    index: IndexOption = None,
    beams: BeamsOption = DEFAULTS.beams,
    limit: LimitOption = DEFAULTS.limit,
    no_repeat: NoRepeatOption = DEFAULTS.no_repeat,
    alternatives: AlternativesOption = DEFAULTS.alternatives,
    iterations: IterationsOption = DEFAULTS.iterations,
    undoing: UndoingOption = DEFAULTS.undoing,
    words: WordsOption = DEFAULTS.words,
    least: LeastOption = DEFAULTS.least,
    bootstrap: BootstrapOption = DEFAULTS.bootstrap,
    figures: FiguresOption = DEFAULTS.figures,
    batch_size: BatchOption = DEFAULTS.batch_size,
    max_failures: FailuresOption = DEFAULTS.max_failures,
    tolerate_truncated: TruncatedOption = False,
    device: DeviceOption = "auto",
    seed: SeedOption = DEFAULTS.seed,
) -> None:
    """Mend the captions of many images, and say what was systematically wrong.

    Writes edited.json in the form that came, errors.json, tables, pictures and report.html.

    What the output holds is kept if the question is the same: a run that was cut short goes on.
    """
    given = {
        name: value for name, value in locals().items() if name in MendingSettings.model_fields
    }
    settings = MendingSettings(**given, progress=sys.stderr.isatty())
    from seewhy.data.images import ReadPolicy
    from seewhy.mending.asking import asked_mending
    from seewhy.mending.captions import read_captions
    from seewhy.mending.run import edit_captions as run
    from seewhy.models.editing.feature_lookup import feature_lookup

    policy = ReadPolicy(tolerate_truncated=tolerate_truncated)
    source = read_captions(captions, images, policy=policy)
    seen = feature_lookup(features, index or (), home=output / "features") if features else None
    result = run(asked_mending(editor, settings, seen), source, output)
    show_result(result)
    result.check(max_failures=max_failures)


def edits(  # noqa: PLR0913
    before: Annotated[
        Path, typer.Argument(help="A JSON list of image_id and caption, before editing.")
    ],
    after: Annotated[Path, typer.Argument(help="The same after editing, by whomever.")],
    *,
    output: OutputOption,
    words: WordsOption = DEFAULTS.words,
    least: LeastOption = DEFAULTS.least,
    bootstrap: BootstrapOption = DEFAULTS.bootstrap,
    seed: SeedOption = DEFAULTS.seed,
) -> None:
    """Say which words an editor replaced, deleted and missed: a captioner's systematic errors."""
    from seewhy.evaluation.editing.errors import ErrorSettings
    from seewhy.evaluation.editing.files import evaluate_edits, write_errors

    settings = ErrorSettings(least, bootstrap, seed)
    document = evaluate_edits(before, after, words=words, settings=settings)
    path = write_errors(document, output)
    show_errors(document)
    show(f"errors   {path}")


def show_result(result: "EditsResult") -> None:
    """Print counts, systematic errors, failures, notes, and where the report is."""
    document = result.document
    counts = document.captions
    show(f"captions {counts['changed']} of {counts['used']} changed")
    show_errors(result.errors)
    show(f"images   {result.made} made, {result.kept} kept, {len(result.failures)} failed")
    for failure in result.failures[:5]:
        show(f"failed   {failure.id}: {failure.code}")
    for note in document.notes:
        show(f"note     {note}")
    show(f"report   {result.report}")


def show_errors(document: "ErrorsDocument") -> None:
    """Print a row per attribute, and the words that were wrong most surely."""
    found = document.errors
    _show_attributes(found)
    if found.words:
        show_table(
            (
                (
                    short_text(each.word, 40),
                    short_text(each.attribute, 40),
                    _share(each.wrong),
                    "systematic" if each.is_systematic else "" if each.is_known else "unknown",
                    ", ".join(
                        f"{short_text(other.word or 'nothing', 30)} {other.count}"
                        for other in each.instead[:3]
                    ),
                )
                for each in found.words[:_SHOWN]
            ),
            header=("word", "attribute", "wrong", "", "instead"),
        )


def _show_attributes(found: "Errors") -> None:
    rows = [("all words", _share(found.overall), "", "", "")]
    rows += [
        (
            short_text(each.name, 40),
            _share(each.wrong),
            str(each.replaced),
            str(each.deleted),
            str(each.inserted),
        )
        for each in found.attributes
    ]
    show_table(rows, header=("attribute", "wrong", "replaced", "deleted", "inserted"))


def _share(share: "Share") -> str:
    if share.value is None:
        return "–"
    ends = f"{percent_text(share.low)} to {percent_text(share.high)}"
    return f"{percent_text(share.value)} ({share.count} of {share.uses}; {ends})"
