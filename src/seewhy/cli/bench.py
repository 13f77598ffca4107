"""`seewhy bench`: how right the audit is, measured where the truth is known."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seewhy.cli.console import show, show_table
from seewhy.cli.options import OutputOption
from seewhy.results.text import percent_text

if TYPE_CHECKING:
    from seewhy.audit.planted_bench import BenchDocument

bench = typer.Typer(no_args_is_help=True, help="Measure the audit where the truth is known.")


@bench.callback()
def prepare() -> None:
    """Measure the audit where the truth is known."""


@bench.command("planted")
def planted(
    output: OutputOption = Path("seewhy-bench"),
    quick: Annotated[
        bool, typer.Option("--quick", help="16 classifiers in place of 360: minutes, not hours.")
    ] = False,
    encoder: Annotated[
        str, typer.Option(metavar="NAME", help="The dual encoder that understands captions.")
    ] = "embedded:clip-resnet",
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes to share the work, one core each.")
    ] = None,
) -> None:
    """Train classifiers that cheat in known ways, and count how often each reading finds out.

    Trained models and answers stay in the output folder, so that an interrupted run goes on.
    """
    from seewhy.audit.planted import quick_set, standard_set
    from seewhy.audit.planted_bench import run_planted_bench
    from seewhy.results.files import output_folder, write_json

    document = run_planted_bench(
        quick_set() if quick else standard_set(),
        output_folder(output),
        encoder=encoder,
        processes=processes or os.cpu_count() or 1,
        progress=sys.stderr.isatty(),
    )
    path = write_json(output / "planted.json", document.model_dump(mode="json"))
    show_bench(document)
    show(f"figures  {path}")


def show_bench(document: "BenchDocument") -> None:
    """Print a row per reading, and the controls."""
    show_table(
        _rows(document),
        header=("reading", "decided", "right", "AUROC", "rank corr.", "false alarms", "found"),
    )
    for control in document.controls:
        show(
            f"control  {control.kind}: {percent_text(control.decided)} of {control.models} "
            f"decided, {_share(control.right)} of those right"
        )
    show(f"models   {document.learned} of {document.models} learned their task")


def _rows(document: "BenchDocument") -> Iterator[tuple[str, ...]]:
    for each in document.readings:
        score = each.everything
        yield (
            each.reading,
            percent_text(score.decided),
            _share(score.right),
            _figure(score.auroc),
            _figure(score.rank_correlation),
            _share(score.false_alarms),
            _share(score.found),
        )


def _share(value: float | None) -> str:
    return "unknown" if value is None else percent_text(value)


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
