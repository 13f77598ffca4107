import pytest
from tests.evaluation.narration.predicting import written

from seewhy.base.errors import UsageError
from seewhy.evaluation.narration.retrieval_files import (
    read_reasons,
    read_retrieved,
    write_reasons,
    write_retrieved,
)

NEAREST = {"a.png": ["q1", "q2", "q1"], "b.png": ["q2", "q1", "q3"]}
TOLD = {"a.png": ["one", "two", "one"], "b.png": ["three", "", "four"]}


def test_both_files_come_back_as_they_were_written(tmp_path):
    path = write_retrieved(tmp_path, NEAREST, direction="i2t", dataset="vqaX")
    assert path.name == "retrieval_attack_data_i2t_vqaX.json"
    assert read_retrieved(path, least=3) == NEAREST
    reasons = write_reasons(tmp_path / "reasons.json", NEAREST, TOLD)
    assert read_reasons(reasons, NEAREST) == TOLD


def test_short_lists_and_other_files_are_refused(tmp_path):
    path = write_retrieved(tmp_path, NEAREST, direction="t2i", dataset="x")
    with pytest.raises(UsageError, match="2 of 2 queries have fewer than 15"):
        read_retrieved(path, least=15)
    with pytest.raises(UsageError, match="0 of 0 queries"):
        read_retrieved(written(tmp_path, "empty", {}), least=2)
    with pytest.raises(UsageError, match="lists of texts by query"):
        read_retrieved(written(tmp_path, "other", {"a": "b"}), least=2)


def test_every_input_needs_one_reason(tmp_path):
    entries = [
        {"query": "a.png", "input": "q1", "explanation": "one"},
        {"query": "a.png", "input": "q1", "explanation": "another"},
    ]
    with pytest.raises(UsageError, match="two reasons for 'q1'"):
        read_reasons(written(tmp_path, "twice", entries), {"a.png": ["q1"]})
    with pytest.raises(UsageError, match="lacks the reasons for 1 inputs, such as 'q2'"):
        read_reasons(written(tmp_path, "once", entries[:1]), {"a.png": ["q1", "q2"]})
