import os
import pickle

import pytest
from tests.data.editing.golden import written

from seewhy.base.errors import UsageError
from seewhy.data.editing.tables import json_table, whole_number


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("suffix", [".pkl", ".p", ".pickle", ".PKL"])
def test_a_pickled_table_is_refused_and_nothing_in_it_runs(suffix, tmp_path):
    path = tmp_path / f"index{suffix}"
    path.write_bytes(pickle.dumps(Harmful(tmp_path / "made")))
    with pytest.raises(UsageError, match=r"pickled.*write a JSON object"):
        json_table(path, kind="index", wanted="an object")
    assert not (tmp_path / "made").exists()


def test_pickled_bytes_under_another_name_are_no_table(tmp_path):
    path = tmp_path / "index.json"
    path.write_bytes(pickle.dumps(Harmful(tmp_path / "made")))
    with pytest.raises(UsageError, match="index file"):
        json_table(path, kind="index", wanted="an object")
    assert not (tmp_path / "made").exists()


def test_a_json_object_is_read(tmp_path):
    path = written(tmp_path / "t.json", {"a": 1})
    assert json_table(path, kind="index", wanted="an object") == {"a": 1}


@pytest.mark.parametrize(("value", "number"), [(0, 0), (7, 7), (3.0, 3)])
def test_whole_numbers_are_taken_also_as_floats(value, number):
    assert whole_number(value, where="a row") == number


@pytest.mark.parametrize("value", [-1, 1.5, True, None, "3", float("nan"), float("inf"), []])
def test_anything_else_is_no_whole_number(value):
    with pytest.raises(UsageError, match="a row is"):
        whole_number(value, where="a row")
