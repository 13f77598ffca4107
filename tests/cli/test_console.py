import io
import logging
import os
import subprocess
import sys

from seewhy.cli.console import (
    VisibleFormatter,
    show,
    show_error,
    show_table,
    visible_lines,
    write_any_character,
)


def test_line_breaks_stay_and_all_else_is_made_visible():
    assert visible_lines("a\x1b[31m\r\nb\u202e\n") == "a\\x1b[31m\\r\nb\\u202e\n"


def test_nothing_is_markup_and_nothing_is_broken_up(capsys):
    long = "[bold red]shape[/] " + "word " * 60
    show(long)
    assert capsys.readouterr().out == long.rstrip() + " \n"


def test_errors_go_to_standard_error(capsys):
    show_error("no file \x1b[2J")
    assert capsys.readouterr() == ("", "error: no file \\x1b[2J\n")


def test_a_table_has_a_row_per_item(capsys):
    show_table([("[b]red[/b]", "5 %"), ("\tgreen", "95 %")], header=("value", "share"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["value", "share"],
        ["[b]red[/b]", "5", "%"],
        ["\\tgreen", "95", "%"],
    ]


def test_log_lines_and_tracebacks_are_made_visible():
    try:
        raise ValueError("\x1b[2J")
    except ValueError:
        record = logging.LogRecord("seewhy", 10, "", 1, "a\x07", (), sys.exc_info())
    text = VisibleFormatter().format(record)
    assert text.startswith("a\\x07\nTraceback")
    assert "\x1b" not in text


def test_an_output_of_a_narrow_encoding_shows_escapes(monkeypatch):
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", narrow)
    monkeypatch.setattr("sys.stderr", io.StringIO())
    write_any_character()
    show("Größe")
    narrow.flush()
    assert narrow.buffer.getvalue() == b"Gr\\xf6\\xdfe\n"


def test_a_closed_pipe_is_no_error(monkeypatch):
    end, start = os.pipe()
    os.close(end)
    with os.fdopen(start, "w") as closed:
        monkeypatch.setattr("sys.stdout", closed)
        show("nobody reads this")
        show("nor this")


def test_a_reader_who_leaves_early_changes_nothing():
    code = (
        "import sys\nfrom seewhy.cli.console import show\n"
        "for _ in range(2000): show('x' * 1000)\n"
        "print('done', file=sys.stderr)\nsys.exit(3)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == "done\n"
    assert process.returncode == 3


def test_the_first_cell_stays_in_one_line(capsys):
    show_table([("x" * 60, "word " * 30)], header=("a", "b"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("x" * 60)
    assert len(lines) > 2
