"""The help is complete and quick, and the documents name only what there is."""

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

import seewhy
from seewhy.cli.main import app
from seewhy.data.concepts import load_concepts

ROOT = Path(__file__).parents[1]
PAGES = sorted(page for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
HEAVY = ["torch", "torchvision", "open_clip", "timm", "scipy", "sklearn", "matplotlib", "pandas"]


def commands(command=None, words=()):
    """Every command and group: its words on the line, and the command."""
    command = command or typer.main.get_command(app)
    yield words, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*words, name))


COMMANDS = dict(commands())
WORDS = [" ".join(words) for words in COMMANDS]


def blocks(language: str) -> list[tuple[str, str]]:
    """(page, text) of all code blocks in a language."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [
        (page.name, block)
        for page in PAGES
        for block in pattern.findall(page.read_text(encoding="utf-8"))
    ]


def documented_lines(program: str) -> list[tuple[str, str]]:
    """(page, line) of all documented calls of a program."""
    return [
        (page, line)
        for page, block in blocks("sh")
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith(program + " ")
    ]


def parsed(words: list[str]) -> list[str]:
    """The path of commands that a line means; raises when it does not parse."""
    path, command = [], COMMANDS[()]
    while hasattr(command, "commands"):
        name, *words = words
        path.append(name)
        command = command.commands[name]
    command.make_context(" ".join(path), words)
    return path


@pytest.mark.parametrize("words", WORDS)
def test_every_command_and_option_explains_itself(words):
    command = COMMANDS[tuple(words.split())]
    assert command.help
    assert [option.name for option in command.params if not option.help] == []


@pytest.mark.parametrize(
    "words",
    [
        "",
        "audit",
        "map",
        "points",
        "sentence",
        "concepts",
        "narrate",
        "edit-caption",
        "edit-captions",
        "units",
        "demo",
        "train",
        "train editor",
        "train encoder",
        "train narrator",
        "train ssl",
        "evaluate captions",
        "evaluate edits",
        "evaluate narration",
        "models",
    ],
)
def test_help_loads_nothing_heavy(words):
    code = (
        "import sys\nfrom seewhy.cli.main import run\n"
        f"assert run([*{words.split()}, '--help']) == 0\n"
        f"print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    assert ended.stderr.strip() == ""
    assert f"seewhy {words}".strip() in ended.stdout


def test_the_installed_program_is_this_one():
    program = Path(sys.executable).with_name("seewhy")
    ended = subprocess.run([program, "--help"], check=True, capture_output=True, text=True)
    names = [
        "audit",
        "map",
        "points",
        "sentence",
        "concepts",
        "narrate",
        "edit-caption",
        "edit-captions",
        "units",
        "demo",
        "train",
        "models",
        "--debug",
    ]
    assert all(name in ended.stdout for name in names)


def test_there_is_something_to_check():
    assert len(documented_lines("seewhy")) >= 3
    assert {"README.md", "start.md", "house.md", "glossary.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize(("page", "line"), documented_lines("seewhy"))
def test_documented_commands_parse(page, line):
    assert parsed(shlex.split(line)[1:])


def test_a_command_that_does_not_exist_would_be_noticed():
    with pytest.raises(KeyError):
        parsed(["serve"])
    with pytest.raises(Exception, match="No such option"):
        parsed(["demo", "--nonsense", "1"])


@pytest.mark.parametrize(("page", "line"), documented_lines("make"))
def test_documented_make_targets_exist(page, line):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    assert set(line.split()[1:]) <= set(targets)


@pytest.mark.parametrize(("page", "text"), blocks("python"))
def test_documented_python_uses_public_names(page, text):
    used = {
        node.attr
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "seewhy"
    }
    assert used <= set(seewhy.__all__)


@pytest.mark.parametrize(("page", "text"), blocks("yaml"))
def test_documented_concept_files_can_be_read(page, text):
    assert len(load_concepts(yaml.safe_load(text)).groups) >= 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_the_documents_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
