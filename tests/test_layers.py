"""The rules of the house that no linter knows; docs/house.md gives their reasons.

Each rule is a function from one parsed file to its offences. Each is tested twice: the package
has no offence, and planted offences are found.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
LAYERS = [
    *("base", "data", "results", "models", "taps", "passes"),
    *(
        "methods",
        "evaluation",
        "training",
        "report",
        "mapping",
        "concepts",
        "units",
        "similarity",
        "telling",
        "mending",
        "audit",
        "cli",
    ),
]
LONGEST_FILE = 400
LONGEST_FUNCTION = 60

PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal"}
UNSAFE_LOADS = {"torch.load", "torch.jit.load", "torch.hub.load", "joblib.load"}
UNSAFE_YAML = {
    *(f"yaml.{kind}load{what}" for kind in ("", "full_", "unsafe_") for what in ("", "_all")),
    *(f"yaml.{prefix}Loader" for prefix in ("", "Full", "Unsafe", "C", "CFull", "CUnsafe")),
}
TERMINAL = {"print", "input", "exit", "quit", "SystemExit", "sys.argv", "sys.exit", "os._exit"}
MODEL_ZOOS = {"open_clip", "segment_anything", "timm", "transformers", "torchvision.models"}


@dataclass(frozen=True)
class Source:
    """One file: its path below `src`, such as seewhy/data/records.py, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def is_in(self, *places: str) -> bool:
        """Whether the file is one of the places, or lies in one that ends with a slash."""
        inside = self.path.removeprefix("seewhy/")
        return any(inside == place or inside.startswith(place + "/") for place in places)

    @cached_property
    def imports(self) -> tuple[tuple[int, str], ...]:
        """(line, full name) of all that is imported anywhere in the file, also by name."""
        return tuple(self._imports())

    def _imports(self) -> Iterator[tuple[int, str]]:
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names):
                    yield from ((node.lineno, alias.name) for alias in names)
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)
                case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                    if ast.unparse(function).endswith(("import_module", "__import__")):
                        yield node.lineno, name

    @cached_property
    def for_types_only(self) -> set[int]:
        """The lines under `if TYPE_CHECKING:`, which never run."""
        return {
            line
            for node in ast.walk(self.tree)
            if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
            for inner in node.body
            for line in range(inner.lineno, (inner.end_lineno or inner.lineno) + 1)
        }

    @cached_property
    def uses(self) -> tuple[tuple[ast.expr, str], ...]:
        """(node, full name) of every dotted name, import aliases resolved."""
        return tuple(self._uses())

    def _uses(self) -> Iterator[tuple[ast.expr, str]]:
        homes = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                homes |= {alias.asname: alias.name for alias in node.names if alias.asname}
            elif isinstance(node, ast.ImportFrom):
                homes |= {
                    alias.asname or alias.name: f"{node.module}.{alias.name}"
                    for alias in node.names
                }
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Name | ast.Attribute):
                root, *rest = ast.unparse(node).split(".")
                yield node, ".".join([homes.get(root, root), *rest])


def is_below(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def layer(module: str) -> int:
    """The position of a module's layer; the package itself stands to the right of all."""
    parts = module.split(".")
    return LAYERS.index(parts[1]) if parts[1:] and parts[1] in LAYERS else len(LAYERS)


def module_of(name: str, modules: set[str]) -> str:
    """The module that holds an imported name."""
    while name not in modules and "." in name:
        name = name.rpartition(".")[0]
    return name


Rule = Callable[[Source], list[str]]


def arrows_to_the_right(source: Source) -> list[str]:
    return [
        f"{source.path}:{line} imports {name}, which stands to the right"
        for line, name in source.imports
        if is_below(name, {"seewhy"}) and layer(name) > layer(source.module)
    ]


def method_families_that_meet(source: Source) -> list[str]:
    family = source.module.split(".")[2:3]
    return [
        f"{source.path}:{line} imports {name}, another family of methods"
        for line, name in source.imports
        if source.is_in("methods") and family
        if is_below(name, {"seewhy.methods"}) and name.split(".")[2:3] != family
    ]


def relative_imports(source: Source) -> list[str]:
    return [
        f"{source.path}:{node.lineno} imports relatively"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]


def lists_of_public_names(source: Source) -> list[str]:
    return [
        f"{source.path}:{node.lineno} has __all__"
        for node, name in source.uses
        if name == "__all__" and source.path != "seewhy/__init__.py"
    ]


def drawing_in_the_wrong_place(source: Source) -> list[str]:
    if source.is_in("results/draw.py", "report"):
        return []
    return [
        f"{source.path}:{line} imports {name}"
        for line, name in source.imports
        if is_below(name, {"matplotlib", "mpl_toolkits"}) and line not in source.for_types_only
    ]


def model_zoos_in_the_wrong_place(source: Source) -> list[str]:
    if source.is_in("models"):
        return []
    offences = _offending_imports(source, MODEL_ZOOS)
    return offences + _offending_uses(source, {"torchvision.models"})


def torchvision_in_the_wrong_place(source: Source) -> list[str]:
    if source.is_in("models", "data"):
        return []
    return _offending_imports(source, {"torchvision"})


def terminal_in_the_wrong_place(source: Source) -> list[str]:
    if source.is_in("cli"):
        return []
    return _offending_uses(source, TERMINAL)


def unsafe_loading(source: Source) -> list[str]:
    if source.is_in("models/checkpoints.py"):
        return []
    pickled_arrays = [
        f"{source.path}:{node.lineno} lets numpy unpickle"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and not _is_false(node)
    ]
    imports = _offending_imports(source, PICKLES)
    return imports + pickled_arrays + _offending_uses(source, UNSAFE_LOADS)


def code_from_outside(source: Source) -> list[str]:
    remote = [
        f"{source.path}:{node.lineno} trusts remote code"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.keyword) and node.arg == "trust_remote_code" and not _is_false(node)
    ]
    return remote + _offending_uses(source, {"eval", "exec", "builtins.eval", "builtins.exec"})


def unsafe_yaml(source: Source) -> list[str]:
    return _offending_uses(source, UNSAFE_YAML)


def long_files(source: Source) -> list[str]:
    lines = len(source.text.splitlines())
    return [f"{source.path} has {lines} lines"] if lines > LONGEST_FILE else []


def long_functions(source: Source) -> list[str]:
    return [
        f"{source.path}:{node.lineno} {node.name} has {lines} lines"
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    ]


def _offending_imports(source: Source, packages: set[str]) -> list[str]:
    return [
        f"{source.path}:{line} imports {name}"
        for line, name in source.imports
        if is_below(name, packages)
    ]


def _offending_uses(source: Source, names: set[str]) -> list[str]:
    return [
        f"{source.path}:{node.lineno} uses {name}" for node, name in source.uses if name in names
    ]


def _is_false(keyword: ast.keyword) -> bool:
    return isinstance(keyword.value, ast.Constant) and keyword.value.value is False


def cycle(sources: list[Source]) -> list[str]:
    """The modules of one import cycle between files, or nothing."""
    modules = {source.module for source in sources}
    graph = {
        source.module: {
            module_of(name, modules)
            for _, name in source.imports
            if is_below(name, {"seewhy"}) and module_of(name, modules) != source.module
        }
        for source in sources
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@cache
def package() -> list[Source]:
    return [
        Source(path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
    ]


def offences(rule: Rule) -> list[str]:
    return [offence for source in package() for offence in rule(source)]


def test_the_whole_package_is_read():
    paths = {source.path for source in package()}
    assert {"seewhy/__init__.py", "seewhy/base/errors.py", "seewhy/cli/main.py"} <= paths
    assert {path.split("/")[1] for path in paths} - {"__init__.py"} == set(LAYERS)


def test_imports_point_to_the_left():
    assert offences(arrows_to_the_right) == []


def test_files_do_not_import_in_circles():
    assert cycle(package()) == []


def test_method_families_do_not_meet():
    assert offences(method_families_that_meet) == []


def test_imports_are_absolute():
    assert offences(relative_imports) == []


def test_only_the_package_lists_public_names():
    assert offences(lists_of_public_names) == []


def test_only_draw_and_report_know_matplotlib():
    assert offences(drawing_in_the_wrong_place) == []


def test_only_models_know_the_model_zoos():
    assert offences(model_zoos_in_the_wrong_place) == []


def test_only_models_and_data_know_torchvision():
    assert offences(torchvision_in_the_wrong_place) == []


def test_only_the_command_line_prints_and_exits():
    assert offences(terminal_in_the_wrong_place) == []


def test_only_checkpoints_may_read_what_can_hold_code():
    assert offences(unsafe_loading) == []


def test_no_text_becomes_code():
    assert offences(code_from_outside) == []


def test_yaml_is_read_safely():
    assert offences(unsafe_yaml) == []


def test_files_are_short():
    assert offences(long_files) == []


def test_functions_are_short():
    assert offences(long_functions) == []


HERE = "seewhy/taps/capture.py"
PLANTED = [
    (arrows_to_the_right, HERE, "from seewhy.passes.shards import Shard"),
    (arrows_to_the_right, HERE, "import seewhy.cli.main"),
    (arrows_to_the_right, HERE, "import seewhy"),
    (arrows_to_the_right, HERE, "from seewhy import methods"),
    (arrows_to_the_right, HERE, "from seewhy import load_model"),
    (arrows_to_the_right, HERE, "def late():\n    from seewhy.audit.run import audit"),
    (arrows_to_the_right, HERE, "import importlib\nimportlib.import_module('seewhy.report.page')"),
    (method_families_that_meet, "seewhy/methods/cam.py", "from seewhy.methods import rollout"),
    (
        method_families_that_meet,
        "seewhy/methods/grafting/graft.py",
        "from seewhy.methods.pairs.joint import x",
    ),
    (relative_imports, HERE, "from . import edit"),
    (relative_imports, HERE, "from ..base.errors import UsageError"),
    (lists_of_public_names, HERE, "__all__ = ['capture']"),
    (lists_of_public_names, "seewhy/taps/__init__.py", "__all__ = ['capture']"),
    (drawing_in_the_wrong_place, HERE, "def draw():\n    import matplotlib.pyplot as plt"),
    (drawing_in_the_wrong_place, "seewhy/results/parts.py", "from matplotlib import cm"),
    (
        drawing_in_the_wrong_place,
        HERE,
        "if TYPE_CHECKING:\n    x = 1\nelse:\n    import matplotlib",
    ),
    (model_zoos_in_the_wrong_place, HERE, "import timm"),
    (model_zoos_in_the_wrong_place, HERE, "from open_clip.model import CLIP"),
    (model_zoos_in_the_wrong_place, HERE, "def f():\n    import transformers"),
    (model_zoos_in_the_wrong_place, "seewhy/data/x.py", "from torchvision import models"),
    (model_zoos_in_the_wrong_place, "seewhy/data/x.py", "from torchvision.models import vgg11"),
    (
        model_zoos_in_the_wrong_place,
        "seewhy/data/x.py",
        "import torchvision as tv\ntv.models.vgg11()",
    ),
    (torchvision_in_the_wrong_place, HERE, "from torchvision.transforms.v2 import functional"),
    (terminal_in_the_wrong_place, HERE, "print('done')"),
    (terminal_in_the_wrong_place, HERE, "import sys\nname = sys.argv[1]"),
    (terminal_in_the_wrong_place, HERE, "from sys import exit as leave\nleave(1)"),
    (terminal_in_the_wrong_place, HERE, "raise SystemExit(2)"),
    (unsafe_loading, HERE, "import pickle"),
    (unsafe_loading, HERE, "from dill import loads"),
    (unsafe_loading, HERE, "import torch\ntorch.load('weights.pt', weights_only=True)"),
    (unsafe_loading, HERE, "from torch import load as read\nread('weights.pt')"),
    (unsafe_loading, HERE, "import joblib\njoblib.load('bank.joblib')"),
    (unsafe_loading, HERE, "import numpy as np\nnp.load('a.npy', allow_pickle=True)"),
    (unsafe_loading, HERE, "import numpy as np\nnp.load('a.npy', allow_pickle=trusted)"),
    (code_from_outside, HERE, "value = eval(text)"),
    (code_from_outside, HERE, "exec(text)"),
    (code_from_outside, HERE, "AutoModel.from_pretrained(name, trust_remote_code=True)"),
    (unsafe_yaml, HERE, "import yaml\nyaml.load(text, Loader=yaml.SafeLoader)"),
    (unsafe_yaml, HERE, "from yaml import full_load\nfull_load(text)"),
    (unsafe_yaml, HERE, "import yaml\nloader = yaml.UnsafeLoader(text)"),
    (long_files, HERE, "x = 1\n" * (LONGEST_FILE + 1)),
    (long_functions, HERE, "def f():\n" + "    x = 1\n" * LONGEST_FUNCTION),
    (long_functions, HERE, "class A:\n async def f(self):\n" + "  x = 1\n" * LONGEST_FUNCTION),
]


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_a_planted_offence_is_found(rule, path, text):
    assert rule(Source(path, text))


ALLOWED = [
    (arrows_to_the_right, HERE, "from seewhy.taps.edit import edit\nimport seewhyever.cli"),
    (arrows_to_the_right, "seewhy/audit/x.py", "from seewhy.report.page import Page"),
    (arrows_to_the_right, "seewhy/__init__.py", "from seewhy.cli.main import main"),
    (
        method_families_that_meet,
        "seewhy/methods/pairs/a.py",
        "from seewhy.methods.pairs.b import c",
    ),
    (lists_of_public_names, "seewhy/__init__.py", "__all__ = ['audit']"),
    (drawing_in_the_wrong_place, "seewhy/results/draw.py", "import matplotlib"),
    (drawing_in_the_wrong_place, "seewhy/report/page.py", "import matplotlib"),
    (
        drawing_in_the_wrong_place,
        HERE,
        "if TYPE_CHECKING:\n    from matplotlib.figure import Figure",
    ),
    (model_zoos_in_the_wrong_place, "seewhy/models/load.py", "import timm, open_clip"),
    (torchvision_in_the_wrong_place, "seewhy/data/images.py", "from torchvision import io"),
    (terminal_in_the_wrong_place, "seewhy/cli/main.py", "import sys\nsys.exit(print('done'))"),
    (terminal_in_the_wrong_place, HERE, "import sys\nsys.maxsize\nfigure.print()"),
    (unsafe_loading, "seewhy/models/checkpoints.py", "import pickle, torch\ntorch.load('w.pt')"),
    (unsafe_loading, HERE, "import numpy as np\nnp.load('a.npy', allow_pickle=False)"),
    (code_from_outside, HERE, "import re\nmodule.eval()\nre.compile('a')"),
    (unsafe_yaml, HERE, "import yaml\nyaml.safe_load(text)"),
    (long_files, HERE, "x = 1\n" * LONGEST_FILE),
    (long_functions, HERE, "def f():\n" + "    x = 1\n" * (LONGEST_FUNCTION - 1)),
]


@pytest.mark.parametrize(("rule", "path", "text"), ALLOWED)
def test_what_is_allowed_is_let_through(rule, path, text):
    assert rule(Source(path, text)) == []


def test_a_planted_cycle_is_found():
    first = Source("seewhy/taps/a.py", "from seewhy.taps.b import thing")
    second = Source("seewhy/taps/b.py", "def f():\n    from seewhy.taps import c")
    third = Source("seewhy/taps/c.py", "import seewhy.taps.a")
    assert set(cycle([first, second, third])) == {"seewhy.taps.a", "seewhy.taps.b", "seewhy.taps.c"}
    assert cycle([first, second]) == []


def test_every_rule_is_applied_and_planted():
    rules = {rule for rule, _, _ in PLANTED}
    applied = Path(__file__).read_text(encoding="utf-8")
    assert rules == {rule for rule, _, _ in ALLOWED} | {relative_imports}
    assert all(f"offences({rule.__name__})" in applied for rule in rules)
