"""What the commands print; any string from outside is shown as it is, never obeyed."""

import logging
import os
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seewhy.results.text import visible_text


class Terminal(Console):
    """A console whose reader may leave early, as in `seewhy models | head`."""

    def on_broken_pipe(self) -> None:
        """The work goes on and keeps its own exit code; nothing more is written."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


class VisibleFormatter(logging.Formatter):
    """Log lines and tracebacks with control characters shown, not sent to the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text; its line breaks stay."""
        return visible_lines(super().format(record))


def visible_lines(text: str) -> str:
    """The text with all but its line breaks made visible."""
    return "\n".join(visible_text(line) for line in text.split("\n"))


def show(message: str, *, style: str = "") -> None:
    """Print one paragraph on standard output, unbroken so that others can parse it."""
    Terminal(highlight=False).print(Text(visible_lines(message), style=style), soft_wrap=True)


def show_table(rows: Iterable[tuple[str, ...]], *, header: tuple[str, ...]) -> None:
    """Print rows of cells in aligned columns; the first is never broken into lines."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
    for position, title in enumerate(header):
        table.add_column(title, no_wrap=position == 0)
    for row in rows:
        table.add_row(*(Text(visible_text(cell)) for cell in row))
    Terminal(highlight=False).print(table)


def show_error(message: str) -> None:
    """Print one message on standard error."""
    text = Text.assemble(("error: ", "bold red"), visible_lines(message))
    Terminal(stderr=True, highlight=False).print(text, soft_wrap=True)


def write_any_character() -> None:
    """Let an output of a narrow encoding show what it lacks as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
