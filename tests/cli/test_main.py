import logging
import signal
import subprocess
import sys
import time
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from seewhy.base.errors import DataError, InternalError, UsageError
from seewhy.cli.main import main, run


@pytest.fixture(autouse=True)
def _logging_as_found():
    log = logging.getLogger("seewhy")
    handlers, level = log.handlers[:], log.level
    yield
    log.handlers[:], log.level = handlers, level


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Runs a command whose library function raises the given error."""

    def run_with(error, *before):
        recipes = SimpleNamespace(train_encoder=Mock(side_effect=error))
        monkeypatch.setitem(sys.modules, "seewhy.training.encoders", recipes)
        where = ["--preset", "clip-vit", "--output", str(tmp_path / "out")]
        return run([*before, "train", "encoder", *where])

    return run_with


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UsageError("give a folder"), 2, "error: give a folder\n"),
        (DataError("truncated", "5 of 9 images"), 3, "error: 5 of 9 images [truncated]\n"),
        (PermissionError(13, "Permission denied", "out"), 2, "Permission denied: 'out'"),
        (OSError(28, "No space left on device"), 2, "No space left on device"),
        (InternalError("a promise broke"), 70, "a promise broke\nThis is a fault of seewhy"),
        (RuntimeError("tensor"), 70, "RuntimeError: tensor\nThis is a fault of seewhy"),
        (OSError("without a number"), 70, "OSError: without a number\nThis is a fault of seewhy"),
        (KeyboardInterrupt(), 130, "error: interrupted; what was finished is kept\n"),
    ],
)
def test_every_error_has_its_exit_code_and_no_traceback(command, capsys, error, code, message):
    assert command(error) == code
    output = capsys.readouterr()
    assert message in output.err
    assert "Traceback" not in output.err
    assert output.out == ""


def test_debug_shows_where_an_error_came_from(command, capsys):
    assert command(UsageError("give a folder"), "--debug") == 2
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert error.endswith("error: give a folder\n")


def test_a_hostile_message_is_shown_and_not_obeyed(command, capsys):
    assert command(UsageError("no class \x1b[2J[red]")) == 2
    assert capsys.readouterr().err == "error: no class \\x1b[2J[red]\n"


@pytest.mark.parametrize("line", [["--nonsense"], ["nonsense"], ["train", "encoder"], ["train"]])
def test_a_line_that_cannot_be_understood_is_a_usage_error(capsys, line):
    assert run(line) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_the_version_is_printed(capsys):
    from importlib.metadata import version

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"seewhy {version('seewhy')}\n"


@pytest.fixture
def program(monkeypatch):
    """Runs the program with an argument line and returns its exit code."""
    before = signal.getsignal(signal.SIGTERM)

    def ended(*line):
        monkeypatch.setattr(sys, "argv", ["seewhy", *line])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code

    yield ended
    signal.signal(signal.SIGTERM, before)


def test_the_program_ends_with_the_code_of_its_line(program):
    assert program("--version") == 0
    assert program("nonsense") == 2


def test_a_scheduler_may_stop_the_program(program, monkeypatch, tmp_path):
    def train_encoder(*given, **options):
        signal.raise_signal(signal.SIGTERM)

    recipes = SimpleNamespace(train_encoder=train_encoder)
    monkeypatch.setitem(sys.modules, "seewhy.training.encoders", recipes)
    line = ("train", "encoder", "--preset", "clip-vit", "--output", str(tmp_path))
    assert program(*line) == 143


def started_and_sent(number: int) -> subprocess.CompletedProcess:
    """A program that tidies up when it is told to stop by a signal."""
    code = (
        "import signal, sys, time, types\n"
        # A shell's background jobs ignore interrupts, and so do the programs that they start.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def train_encoder(*given, **options):\n"
        "    try:\n        print('ready', flush=True); time.sleep(60)\n"
        "    finally:\n        print('tidied', flush=True)\n"
        "recipes = types.ModuleType('seewhy.training.encoders')\n"
        "recipes.train_encoder = train_encoder\n"
        "sys.modules['seewhy.training.encoders'] = recipes\n"
        "from seewhy.cli.main import main\n"
        "sys.argv = 'seewhy train encoder --preset clip-vit --output out'.split()\n"
        "main()"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        began = time.monotonic()
        output, error = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    return subprocess.CompletedProcess([], process.returncode, output, error)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_program_tidily(number, code):
    ended = started_and_sent(number)
    assert ended.returncode == code
    assert ended.stdout == "tidied\n"
    assert "Traceback" not in ended.stderr
