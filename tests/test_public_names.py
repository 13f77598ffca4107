"""`import seewhy` offers what the documentation promises, at once and without loading torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import seewhy

PROMISED = {
    "AuditResult",
    "AuditSettings",
    "Classifier",
    "ClipSurgery",
    "ConceptGroups",
    "DataError",
    "Explanation",
    "Framing",
    "ImageEncoder",
    "ImageRecord",
    "MutualKnowledge",
    "PromptEnsemble",
    "SentenceView",
    "Surgery",
    "UnitNaming",
    "UsageError",
    "View",
    "__version__",
    "audit",
    "load_concepts",
    "load_explanation",
    "load_image_encoder",
    "load_model",
    "map_method",
}
HEAVY = ["torch", "numpy", "PIL", "pydantic", "open_clip", "matplotlib", "scipy", "typer", "rich"]


def in_a_new_process(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_list_of_names_is_the_promised_one():
    assert sorted(PROMISED) == seewhy.__all__
    assert set(dir(seewhy)) >= PROMISED


@pytest.mark.parametrize("name", sorted(PROMISED - {"__version__"}))
def test_every_name_is_there_and_explains_itself(name):
    thing = getattr(seewhy, name)
    assert callable(thing)
    assert thing.__doc__


def test_names_are_the_objects_of_their_homes():
    from seewhy.audit.settings import AuditSettings
    from seewhy.base.errors import UsageError

    assert seewhy.UsageError is UsageError
    assert seewhy.AuditSettings is AuditSettings


def test_type_checkers_see_the_names_that_are_loaded():
    tree = ast.parse(Path(seewhy.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen.pop("audit") == "seewhy.audit.run"
    assert seen == seewhy._HOMES


def test_the_version_is_that_of_the_installed_package():
    from importlib.metadata import version

    assert seewhy.__version__ == version("seewhy")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'load_modle'"):
        _ = seewhy.load_modle


def test_importing_loads_nothing_heavy():
    code = f"import sys, seewhy; print([name for name in {HEAVY} if name in sys.modules])"
    assert in_a_new_process(code).strip() == "[]"


@pytest.mark.parametrize(
    "before",
    ["pass", "import seewhy.audit.settings", "from seewhy.audit.schema import Verdict"],
)
def test_audit_is_a_package_and_a_function_whatever_was_imported(before):
    code = (
        f"{before}\nimport sys, types, seewhy\nfrom seewhy import audit\n"
        "run = types.ModuleType('seewhy.audit.run')\n"
        "run.audit = lambda *given, **options: print(given, options)\n"
        "sys.modules['seewhy.audit.run'] = run\n"
        "assert audit is seewhy.audit and audit.__path__\n"
        "seewhy.audit('model', 'data', 'concepts', encoder='e')"
    )
    assert in_a_new_process(code).strip() == "('model', 'data', 'concepts') {'encoder': 'e'}"
