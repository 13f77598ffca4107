"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

ASK, HOW, RUN = "What to ask", "How to ask", "How to run"

SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Where all chance starts; the same gives the same.")
]
OutputOption = Annotated[
    Path, typer.Option("--output", "-o", file_okay=False, help="The folder for everything made.")
]
BootstrapOption = Annotated[
    int, typer.Option(min=100, help="Resamples behind each interval.", rich_help_panel=HOW)
]
BatchOption = Annotated[int, typer.Option(min=1, help="Images at a time.", rich_help_panel=RUN)]
DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.", rich_help_panel=RUN)
]
FailuresOption = Annotated[
    float,
    typer.Option(
        min=0, max=1, help="The share of images that may be unusable.", rich_help_panel=RUN
    ),
]
TruncatedOption = Annotated[
    bool,
    typer.Option("--tolerate-truncated", help="Use images cut short.", rich_help_panel=RUN),
]
DownloadOption = Annotated[
    bool,
    typer.Option("--allow-download", help="Fetch weights by their name.", rich_help_panel=RUN),
]
ShardOption = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="IMAGES",
        help="The most images that an interruption loses.",
        rich_help_panel=RUN,
    ),
]
ResumeOption = Annotated[
    bool,
    typer.Option("--resume", help="Go on with an interrupted run.", rich_help_panel=RUN),
]
WorkersOption = Annotated[
    int, typer.Option(min=0, help="Processes that read images ahead.", rich_help_panel=RUN)
]
