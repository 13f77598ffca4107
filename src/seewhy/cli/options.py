"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Where all chance starts; the same gives the same.")
]
OutputOption = Annotated[
    Path, typer.Option("--output", "-o", file_okay=False, help="The folder for everything made.")
]
