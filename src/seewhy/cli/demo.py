"""`seewhy demo`: the whole job on parts that ship with the package."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from seewhy.cli.options import OutputOption, SeedOption
from seewhy.cli.summary import show_summary

IMAGES: dict[str, Literal["development", "field"]] = {"dev": "development", "field": "field"}


def demo(
    output: OutputOption = Path("seewhy-demo"),
    seed: SeedOption = 0,
    images: Annotated[
        Literal["dev", "field"],
        typer.Option(
            help="Audit on images where the colour gives the digit away, as in training (dev), "
            "or where it does not (field)."
        ),
    ] = "field",
) -> None:
    """Train a classifier that cheats and one that does not, and audit both.

    Handwritten fives are red and eights are green. Nothing is downloaded.
    """
    from seewhy.audit.demo import run_demo

    result = run_demo(seed=seed, output=output, images=IMAGES[images], progress=sys.stderr.isatty())
    show_summary(result.document, output / "report.html")
