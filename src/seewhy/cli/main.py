"""The command line: its commands, and what becomes of everything that can go wrong."""

import logging
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from types import FrameType
from typing import Annotated, NoReturn

import typer

from seewhy.base.errors import DataError, InternalError, SeewhyError, UsageError
from seewhy.cli.audit import audit
from seewhy.cli.bench import bench
from seewhy.cli.concepts import concepts
from seewhy.cli.console import VisibleFormatter, show, show_error, write_any_character
from seewhy.cli.demo import demo
from seewhy.cli.edit_caption import edit_caption
from seewhy.cli.edit_captions import edit_captions
from seewhy.cli.evaluate import evaluate
from seewhy.cli.maps import map_images
from seewhy.cli.models import models
from seewhy.cli.narrate import narrate
from seewhy.cli.pairs import pairs
from seewhy.cli.points import points
from seewhy.cli.sentence import sentence
from seewhy.cli.train import train
from seewhy.cli.units import units

INTERRUPTED = 130
TERMINATED = 143

log = logging.getLogger("seewhy")

app = typer.Typer(
    name="seewhy",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("audit")(audit)
app.command("map")(map_images)
app.command("points")(points)
app.command("sentence")(sentence)
app.command("concepts")(concepts)
app.command("pairs")(pairs)
app.command("narrate")(narrate)
app.command("edit-caption")(edit_caption)
app.command("edit-captions")(edit_captions)
app.command("units")(units)
app.command("demo")(demo)
app.add_typer(train, name="train")
app.add_typer(bench, name="bench")
app.add_typer(evaluate, name="evaluate")
app.command("models")(models)


def main() -> NoReturn:
    """The `seewhy` program."""
    write_any_character()
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (default: this process's) and return its exit code."""
    try:
        return int(app(arguments, prog_name="seewhy"))
    except SystemExit as end:
        if end.code == INTERRUPTED:
            show_error("interrupted; what was finished is kept")
        return int(end.code or 0)
    except Exception as error:
        log.debug("the traceback of this error", exc_info=error)
        code, message = _judged(error)
        show_error(message)
        return code


def _judged(error: Exception) -> tuple[int, str]:
    match error:
        case InternalError():
            return error.exit_code, _asking_for_report(str(error))
        case DataError():
            return error.exit_code, f"{error} [{error.code}]"
        case SeewhyError():
            return error.exit_code, str(error)
        case OSError(strerror=str()):
            return UsageError.exit_code, f"the operating system refused: {error}"
        case _:
            return InternalError.exit_code, _asking_for_report(f"{type(error).__name__}: {error}")


def _asking_for_report(what: str) -> str:
    return (
        f"{what}\nThis is a fault of seewhy, not yours. Please report it with what "
        "`seewhy --debug`, followed by the same command, prints; it names files of yours."
    )


def _terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    sys.exit(TERMINATED)


def _print_version(wanted: bool) -> bool:
    if wanted:
        show(f"seewhy {version('seewhy')}")
        raise typer.Exit
    return wanted


@app.callback()
def prepare(
    show_version: Annotated[  # noqa: ARG001
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and stop."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Log every step, and show where an error came from.")
    ] = False,
) -> None:
    """What vision and vision-language models look at, know and say.

    Exit codes: 0 done; 2 the request has to change; 3 too much of the data is unusable;
    4 a condition of --fail-on is met; 70 a fault of seewhy; 130 interrupted.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(VisibleFormatter("%(levelname)s %(name)s: %(message)s"))
    log.handlers[:] = [handler]
    log.setLevel(logging.DEBUG if debug else logging.WARNING)
