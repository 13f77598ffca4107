from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.audit import documents

from seewhy.base.errors import UsageError
from seewhy.cli.gate import TRIPPED, Gate, asked_gate

CAPTIONS = """
colour: {red: [a red digit], green: [a green digit]}
shape: {"5": [a five], "8": [an eight]}
"""


@pytest.fixture
def captions(tmp_path):
    path = tmp_path / "concepts.yaml"
    path.write_text(CAPTIONS)
    return path


def test_without_conditions_everything_passes(tmp_path):
    gate = asked_gate(None, Path("missing.yaml"), junit=None, output=tmp_path)
    assert gate.passes(documents.biased_document())
    assert list(tmp_path.iterdir()) == []


def test_the_outcomes_are_shown_and_written(captions, tmp_path, capsys):
    gate = asked_gate(["colour>0.3", "shape>0.3"], captions, junit=None, output=tmp_path)
    assert not gate.passes(documents.biased_document())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("gate     FAILED: colour>0.3 [biased.safetensors] Share of the")
    assert lines[1].startswith("gate     passed: shape>0.3")
    assert lines[2] == f"junit    {tmp_path / 'junit.xml'}"
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().get("failures") == "1"


def test_a_model_without_fault_passes_and_is_written_too(captions, tmp_path):
    path = tmp_path / "elsewhere" / "gate.xml"
    gate = asked_gate(["shape>0.3"], captions, junit=path, output=tmp_path)
    assert gate.passes(documents.biased_document())
    assert ElementTree.parse(path).getroot().get("failures") == "0"


def test_conditions_are_refused_before_anything_is_done(captions, tmp_path):
    with pytest.raises(UsageError, match="'colour', 'shape'"):
        asked_gate(["size>0.3"], captions, junit=None, output=tmp_path)
    with pytest.raises(UsageError, match="--fail-on"):
        asked_gate([], captions, junit=tmp_path / "x.xml", output=tmp_path)


def test_hostile_names_do_not_reach_the_terminal(tmp_path, capsys):
    document = documents.hostile_document()
    conditions = asked_gate(None, Path(), junit=None, output=tmp_path).conditions
    from seewhy.audit.gates import read_conditions

    conditions = read_conditions(["undecided"], list(document.groups))
    assert Gate(conditions, tmp_path / "junit.xml").passes(document)
    assert not {"\x1b", "\u202e"} & set(capsys.readouterr().out)
    assert TRIPPED == 4
