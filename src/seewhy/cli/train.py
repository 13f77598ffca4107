"""`seewhy train`: the small models that ship with the package, narrators and caption editors."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from seewhy.cli.console import show
from seewhy.cli.options import OutputOption, SeedOption
from seewhy.cli.train_editor import editor
from seewhy.cli.train_narrator import narrator

train = typer.Typer(
    no_args_is_help=True, help="Train the small models that ship, narrators and editors."
)
train.command("narrator")(narrator)
train.command("editor")(editor)


@train.callback()
def prepare() -> None:
    """Train the small models that ship, and narrators and caption editors on data of your own."""


@train.command("encoder")
def encoder(  # noqa: PLR0917
    preset: Annotated[
        Literal["clip-resnet", "clip-vit", "clip-objects"],
        typer.Option(help="Which encoder to train."),
    ],
    output: OutputOption,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps, if not those of the recipe.")
    ] = None,
    seed: SeedOption = 0,
    start: Annotated[
        Path | None, typer.Option(help="An encoder folder to train further, gently.")
    ] = None,
) -> None:
    """Train a small dual encoder on drawn scenes and handwritten digits.

    Writes the encoder's configuration, its weights and its model card.
    """
    from seewhy.training.encoders import train_encoder

    folder = train_encoder(
        preset, output, steps=steps, seed=seed, start=start, progress=sys.stderr.isatty()
    )
    show(f"encoder  {folder}")


@train.command("ssl")
def self_supervised(
    method: Annotated[
        Literal["simclr", "barlow"], typer.Option(help="Which loss to learn by, without labels.")
    ],
    output: OutputOption,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Training steps, if not those of the recipe.")
    ] = None,
    seed: SeedOption = 0,
) -> None:
    """Train a small image encoder on pairs of drawn scenes that have one object in common.

    Writes the encoder's configuration, its weights, its log and its card. Takes minutes on two
    cores.
    """
    from seewhy.training.image_encoders import train_image_encoder

    folder = train_image_encoder(
        method, output, steps=steps, seed=seed, progress=sys.stderr.isatty()
    )
    show(f"encoder  {folder}")
