"""`seewhy evaluate captions` and `narration`: generated texts against references."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seewhy.cli.console import show, show_table
from seewhy.cli.options import ASK, HOW, BootstrapOption, OutputOption, SeedOption
from seewhy.evaluation.captions.official import official_names
from seewhy.evaluation.narration.parsing import Parsing

if TYPE_CHECKING:
    from seewhy.evaluation.captions.document import CaptionDocument
    from seewhy.evaluation.captions.summary import ItemCounts, Settings
    from seewhy.evaluation.narration.document import NarrationDocument
    from seewhy.evaluation.tasks.document import Figure

_NAMED = 5

ResultsArgument = Annotated[
    Path, typer.Argument(help="A JSON list of image_id and caption, one for each image.")
]
OfficialOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="METEOR|SPICE",
        help="Also run this official program, by pycocoevalcap and Java; more than once for both.",
        rich_help_panel=HOW,
    ),
]

BertScoreOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Also BERTScore, by a text encoder in this folder, such as distilbert-base-uncased.",
        rich_help_panel=HOW,
    ),
]
BlockOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="The block that BERTScore goes by; if not given, the published one.",
        rich_help_panel=HOW,
    ),
]


def captions(  # noqa: PLR0913
    results: ResultsArgument,
    references: Annotated[
        Path, typer.Argument(help="A COCO caption file: annotations of image_id and caption.")
    ],
    *,
    output: OutputOption,
    inputs: Annotated[
        Path | None,
        typer.Option(
            help="The captions that were edited, in the form of the results.", rich_help_panel=ASK
        ),
    ] = None,
    official: OfficialOption = None,
    bertscore: BertScoreOption = None,
    bertscore_block: BlockOption = None,
    bootstrap: BootstrapOption = 1000,
    seed: SeedOption = 0,
) -> None:
    """Score captions against references, and what an edit of them changed."""
    from seewhy.evaluation.captions.document import evaluate_captions

    settings = _settings(
        official, bertscore=bertscore, block=bertscore_block, resamples=bootstrap, seed=seed
    )
    found = evaluate_captions(results, references, inputs=inputs, settings=settings)
    show_captions(found.document, found.save(output))


def narration(  # noqa: PLR0913
    results: ResultsArgument,
    references: Annotated[
        Path,
        typer.Argument(
            help="Answers and reasons by id as NLX-GPT has them, or a COCO caption file of reasons "
            "or of sentences."
        ),
    ],
    *,
    output: OutputOption,
    parsing: Annotated[
        Parsing,
        typer.Option(
            help="How answer and reason are parted: at the first word because, or as published.",
            rich_help_panel=HOW,
        ),
    ] = "first",
    answer_f1: Annotated[
        Path | None,
        typer.Option(
            help="BERTScore F1 of each answer, a JSON object by id, for one more rule.",
            rich_help_panel=ASK,
        ),
    ] = None,
    official: OfficialOption = None,
    bertscore: BertScoreOption = None,
    bertscore_block: BlockOption = None,
    bootstrap: BootstrapOption = 1000,
    seed: SeedOption = 0,
) -> None:
    """Score sentences "answer because reason": answers by every rule, reasons with and without."""
    from seewhy.evaluation.narration.document import evaluate_narrations

    settings = _settings(
        official, bertscore=bertscore, block=bertscore_block, resamples=bootstrap, seed=seed
    )
    found = evaluate_narrations(
        results, references, parsing=parsing, answer_f1=answer_f1, settings=settings
    )
    show_narration(found.document, found.save(output))


def _settings(
    official: Sequence[str] | None,
    *,
    bertscore: Path | None,
    block: int | None,
    resamples: int,
    seed: int,
) -> "Settings":
    from seewhy.evaluation.captions.summary import Settings

    return Settings(
        resamples=resamples,
        seed=seed,
        official=official_names(official or ()),
        bertscore=None if bertscore is None else str(bertscore),
        block=block,
    )


def show_captions(document: "CaptionDocument", path: Path) -> None:
    """Print a row per score, what changed, and what was left out."""
    show(f"{document.items.scored} captions, scores times 100", style="bold")
    change = document.change
    columns: list[Mapping[str, Figure]] = [document.scores]
    columns += [change.differences] if change else []
    _show_columns(columns, header=("  score", "", *(["less input"] if change else [])))
    if change:
        shares = (f"{name} {figure_cell(each)}" for name, each in change.shares.items())
        show(f"texts    {', '.join(shares)} %")
    _show_rest(document.items, document.notes, path)


def show_narration(document: "NarrationDocument", path: Path) -> None:
    """Print a column for all reasons and for those with a right answer by each rule."""
    show(f"{document.items.scored} narrations, scores times 100", style="bold")
    for rule, accuracy in document.accuracies.items():
        show(f"answers  {figure_cell(accuracy)} % right by {rule}")
    groups = {"all": document.unfiltered, **document.filtered}
    _show_columns(
        [group.scores for group in groups.values()],
        header=("  score", *(f"{name} ({group.items})" for name, group in groups.items())),
    )
    show(f"reasons  {figure_cell(document.distinct_reasons)} % distinct")
    _show_rest(document.items, document.notes, path)


def _show_columns(columns: "Sequence[Mapping[str, Figure]]", *, header: tuple[str, ...]) -> None:
    rows = (
        (f"  {name}", *(figure_cell(column[name]) if name in column else "–" for column in columns))
        for name in columns[0]
    )
    show_table(rows, header=header)


def _show_rest(items: "ItemCounts", notes: Sequence[str], path: Path) -> None:
    for line in _left_out(items):
        show(line)
    for note in notes:
        show(f"note     {note}")
    show(f"summary  {path}")


def _left_out(items: "ItemCounts") -> Iterator[str]:
    named = {
        "reference": items.without_reference,
        "result": items.without_result,
        "input": items.without_input,
    }
    for what, names in named.items():
        if names:
            more = ", ..." if len(names) > _NAMED else ""
            yield f"left out {len(names)} without {what}: {', '.join(names[:_NAMED])}{more}"


def figure_cell(figure: "Figure") -> str:
    """The figure with its interval, where it has one."""
    if figure.value is None:
        return "–"
    if figure.low is None or figure.high is None:
        return _number(figure.value)
    return f"{_number(figure.value)} ({_number(figure.low)} to {_number(figure.high)})"


def _number(value: float) -> str:
    return f"{value:.1f}".replace("-", "−")
