"""`seewhy evaluate`: how well maps and scores do where the truth is known."""

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seewhy.cli.console import show, show_table
from seewhy.cli.edit_captions import edits
from seewhy.cli.options import (
    ASK,
    HOW,
    RUN,
    BootstrapOption,
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
from seewhy.cli.reasons import (
    explain_predict,
    retrieval_attack,
    retrieval_inputs,
    retrieval_reasons,
)
from seewhy.cli.texts import captions, narration
from seewhy.evaluation.tasks.settings import (
    DatasetName,
    EvaluationSettings,
    Layout,
    TaskName,
    Unlabelled,
    Words,
)

if TYPE_CHECKING:
    from seewhy.evaluation.tasks.comparison import Comparison, Difference
    from seewhy.evaluation.tasks.document import EvaluationDocument, Figure

_DEFAULTS = {name: field.default for name, field in EvaluationSettings.model_fields.items()}

_ONE = "For some tasks"

evaluate = typer.Typer(
    no_args_is_help=True,
    help="Measure maps, points, masks, labels and texts where the truth is known.",
)

_HELP: Mapping[TaskName, str] = {
    "maps": "Measure maps of the labels that an image bears against their masks.",
    "segmentation": "Measure which class has the highest map at each pixel.",
    "tagging": "Measure how well scores of whole images find those that bear a label.",
    "points": "Measure masks cut out at points that maps give, beside masks straight from maps.",
    "camouflage": "Measure maps of what is camouflaged as pictures of it.",
}

DatasetOption = Annotated[
    DatasetName,
    typer.Option(help="The data set; scenes and digit-collages are drawn.", rich_help_panel=ASK),
]
RootOption = Annotated[
    Path | None,
    typer.Option(help="The folder that the data set lies in.", rich_help_panel=ASK),
]
WordsOption = Annotated[
    Words | None,
    typer.Option(help="By which words drawn things are asked for.", rich_help_panel=ASK),
]
EncoderOption = Annotated[
    str,
    typer.Option(metavar="NAME", help="The dual encoder to be measured.", rich_help_panel=ASK),
]
MethodOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="What makes the maps, or for tagging the scores; more than once to compare.",
        rich_help_panel=ASK,
    ),
]
TemplateOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TEXT",
        help="What a name is put into, such as 'a photo of a {}.'; more than once to average. "
        "If not given, the 85 published ones, or for drawn data the names alone.",
        rich_help_panel=HOW,
    ),
]
SizeOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="PIXELS",
        help="The side of the input; if not given, 512, or for drawn data the encoder's own.",
        rich_help_panel=HOW,
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="IMAGES", help="At most so many, chosen by the seed.", rich_help_panel=ASK
    ),
]
LayoutOption = Annotated[
    Layout,
    typer.Option(
        help="Segmentation: the image squashed into one input, or in squares side by side.",
        rich_help_panel=_ONE,
    ),
]
UnlabelledOption = Annotated[
    Unlabelled, typer.Option(help="Tagging: images that bear no label.", rich_help_panel=_ONE)
]
PromptOption = Annotated[
    str, typer.Option(help="Camouflage: the text to look for.", rich_help_panel=_ONE)
]
RedundantOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TEXT",
        help="Maps, points and camouflage: whose map is taken off each; if not given, the empty "
        "text's, or none for an encoder of few words.",
        rich_help_panel=_ONE,
    ),
]
SegmenterOption = Annotated[
    str,
    typer.Option(
        metavar="none|colours|PATH",
        help="Points and camouflage: what cuts out masks; a path is that of a Segment Anything.",
        rich_help_panel=_ONE,
    ),
]
BatchOption = Annotated[
    int,
    typer.Option(min=1, help="Images at a time, where all are asked alike.", rich_help_panel=RUN),
]


def asked(  # noqa: PLR0913, PLR0917
    dataset: DatasetOption,
    output: OutputOption,
    root: RootOption = None,
    words: WordsOption = None,
    limit: LimitOption = None,
    encoder: EncoderOption = _DEFAULTS["encoder"],
    method: MethodOption = None,
    template: TemplateOption = None,
    size: SizeOption = None,
    seed: SeedOption = _DEFAULTS["seed"],
    bootstrap: BootstrapOption = _DEFAULTS["bootstrap"],
    layout: LayoutOption = _DEFAULTS["layout"],
    unlabelled: UnlabelledOption = _DEFAULTS["unlabelled"],
    prompt: PromptOption = _DEFAULTS["prompt"],
    redundant: RedundantOption = None,
    segmenter: SegmenterOption = _DEFAULTS["segmenter"],
    batch_size: BatchOption = _DEFAULTS["batch_size"],
    device: DeviceOption = _DEFAULTS["device"],
    max_failures: FailuresOption = _DEFAULTS["max_failures"],
    tolerate_truncated: TruncatedOption = _DEFAULTS["tolerate_truncated"],
    allow_download: DownloadOption = _DEFAULTS["allow_download"],
    shard_images: ShardOption = _DEFAULTS["shard_images"],
    resume: ResumeOption = False,
    workers: WorkersOption = _DEFAULTS["workers"],
) -> dict[str, Any]:
    """The options that all tasks have, by name."""
    return dict(locals())


def task_command(task: TaskName) -> Callable[..., None]:
    """The command of a task, with all these options."""

    @wraps(asked)
    def command(**given: Any) -> None:
        run_task(task, asked(**given))

    return command


for _task, _help in _HELP.items():
    evaluate.command(_task, help=_help)(task_command(_task))

evaluate.command("captions")(captions)
evaluate.command("narration")(narration)
evaluate.command("edits")(edits)
evaluate.command("explain-predict")(explain_predict)
evaluate.command("retrieval-inputs")(retrieval_inputs)
evaluate.command("retrieval-reasons")(retrieval_reasons)
evaluate.command("retrieval-attack")(retrieval_attack)


def run_task(task: TaskName, given: Mapping[str, Any]) -> None:
    """Evaluate, write everything, and print the figures."""
    settings = asked_settings(task, given)
    from seewhy.evaluation.tasks.run import evaluate as run_evaluation
    from seewhy.passes.keeping import kept_parts

    output = given["output"]
    with kept_parts(output, asked_request(settings), resume=given["resume"]) as parts:
        result = run_evaluation(settings.model_copy(update={"parts": parts}))
        path = result.save(output)
    show_evaluation(result.document, path)
    result.check(max_failures=settings.max_failures)


@evaluate.command("compare")
def compare(
    first: Annotated[Path, typer.Argument(help="The output of one evaluation.")],
    second: Annotated[Path, typer.Argument(help="That of another on the same data set.")],
    seed: SeedOption = 0,
    bootstrap: BootstrapOption = 1000,
) -> None:
    """Say by how much the second evaluation is higher, on the images that both could use."""
    from seewhy.evaluation.tasks.comparison import compare_evaluations

    show_comparison(compare_evaluations(first, second, resamples=bootstrap, seed=seed))


def asked_settings(task: TaskName, given: Mapping[str, Any]) -> EvaluationSettings:
    """The settings among the options; what was not given is as usual."""
    values = {name: given[name] for name in EvaluationSettings.model_fields if name in given}
    lists = {"methods": "method", "templates": "template", "redundant": "redundant"}
    values |= {name: tuple(given[option] or ()) for name, option in lists.items()}
    if not values["redundant"]:
        del values["redundant"]
    return EvaluationSettings(**{**values, "task": task, "progress": sys.stderr.isatty()})


def asked_request(settings: EvaluationSettings) -> dict[str, Any]:
    """What an interrupted run has to share with the one that goes on."""
    root = None if settings.root is None else str(settings.root)
    return settings.recorded() | {"root": root, "shard_images": settings.shard_images}


def show_evaluation(document: "EvaluationDocument", path: Path) -> None:
    """Print a row per figure with a column per method, counts, and where the files are."""
    methods = document.methods
    show(f"{document.task} on {document.dataset.title}, {document.encoder}", style="bold")
    names = dict.fromkeys(name for method in methods for name in method.figures)
    show_table(
        (
            (f"  {name}", *(_cell(method.figures.get(name), document.unit) for method in methods))
            for name in names
        ),
        header=("  figure", *(method.name for method in methods)),
    )
    for method in methods:
        if method.threshold is not None:
            show(f"maps     of {method.name} are cut at {method.threshold:.2f}")
    for line in _counts(document):
        show(line)
    show(f"summary  {path}")


def show_comparison(comparison: "Comparison") -> None:
    """Print a row per method and figure."""
    show(f"{comparison.task}: {comparison.images} images in common, unit {comparison.unit}")
    show_table(
        (_difference_row(each, comparison.unit) for each in comparison.differences),
        header=("method", "figure", "first", "second", "difference", "95 % interval"),
    )


def _counts(document: "EvaluationDocument") -> Iterator[str]:
    counts = document.images
    told = [f"{counts.used} used", f"{counts.failed} failed"]
    told += [f"{counts.dropped} without a label dropped"] if counts.dropped else []
    told += [f"{counts.without_labels} bear no label"] if counts.without_labels else []
    yield f"images   {', '.join(told)}"
    for code, count in document.failures.items():
        yield f"failed   {count} {code}"
    for note in (*document.dataset.notes, *document.notes):
        yield f"note     {note}"


def _cell(figure: "Figure | None", unit: str) -> str:
    if figure is None or figure.value is None:
        return "–"
    value = _number(figure.value, unit)
    if figure.low is None or figure.high is None:
        return value
    return f"{value} ({_number(figure.low, unit)} to {_number(figure.high, unit)})"


def _difference_row(each: "Difference", unit: str) -> tuple[str, ...]:
    first, second, difference, low, high = (
        _number(value, unit)
        for value in (each.first, each.second, each.difference, each.low, each.high)
    )
    return each.method, each.figure, first, second, difference, f"{low} to {high}"


def _number(value: float, unit: str) -> str:
    if value != value:  # noqa: PLR0124
        return "–"
    return (
        f"{value:.1f}".replace("-", "−") if unit == "percent" else f"{value:.3f}".replace("-", "−")
    )
