import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save
from tests.results.examples import explanation, hostile_parts

from seewhy.base.errors import UsageError
from seewhy.results import storage
from seewhy.results.explanation import Explanation, load_explanation
from seewhy.results.parts import Statement, part_fields


def same(first, second):
    return (
        type(first) is type(second)
        and part_fields(first).keys() == part_fields(second).keys()
        and all(
            np.array_equal(value, part_fields(second)[name], equal_nan=True)
            and value.dtype == part_fields(second)[name].dtype
            if isinstance(value, np.ndarray)
            else value == part_fields(second)[name]
            for name, value in part_fields(first).items()
        )
    )


@pytest.mark.parametrize("score", [0.83, None])
def test_what_is_saved_is_loaded(tmp_path, score):
    made = explanation(score=score, parts=(*explanation().parts, *hostile_parts()))
    loaded = load_explanation(made.save(tmp_path / "made.safetensors"))
    assert (loaded.target, loaded.score) == (made.target, score)
    assert dict(loaded.provenance) == dict(made.provenance)
    assert len(loaded.parts) == len(made.parts)
    assert all(map(same, loaded.parts, made.parts))


def test_saving_twice_gives_the_same_bytes(tmp_path):
    first = explanation().save(tmp_path / "first").read_bytes()
    assert explanation().save(tmp_path / "second").read_bytes() == first


@given(text=st.text())
def test_every_text_survives(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("text") / "file"
    made = Explanation(text, None, (Statement(text, text),), {text: text})
    loaded = load_explanation(made.save(path))
    assert (loaded.target, loaded.parts[0].text, dict(loaded.provenance)) == (
        text,
        text,
        {text: text},
    )


def test_provenance_cannot_be_changed():
    with pytest.raises(TypeError, match="does not support item assignment"):
        explanation().provenance["model"] = "another"


def test_a_score_is_finite():
    with pytest.raises(UsageError, match="Use None"):
        explanation(score=float("nan"))


def altered(tmp_path, *, arrays=None, **header):
    """A stored explanation with other arrays or other entries in its header."""
    path = explanation().save(tmp_path / "file.safetensors")
    content = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])
    record = json.loads(content["__metadata__"]["seewhy"]) | header
    tensors = load(path.read_bytes()) | (arrays or {})
    path.write_bytes(save(tensors, {"seewhy": json.dumps(record)}))
    return path


def statement(**fields):
    return {"kind": "statement", "fields": {"title": "a", "text": "b"} | fields}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"schema_version": "seewhy.explanation/9"}, "has schema 'seewhy.explanation/9'"),
        ({"score": float("nan")}, "1 fields are wrong"),
        ({"score": "0.5"}, "1 fields are wrong"),
        ({"target": 5}, "1 fields are wrong"),
        ({"extra": 5}, "1 fields are wrong"),
        ({"parts": [{"kind": "statement"}]}, "1 fields are wrong"),
        ({"parts": [statement()]}, "belongs to no part"),
        ({"parts": [statement()] * 6}, "has the fields"),
        ({"parts": [{"kind": "module", "fields": {}}] * 6}, "unknown part 'module'"),
    ],
)
def test_a_wrong_header_is_refused(tmp_path, header, message):
    with pytest.raises(UsageError, match=message):
        load_explanation(altered(tmp_path, **header))


@pytest.mark.parametrize("name", ["0.title", "x.scores", "²0.scores", "99.scores", "scores"])
def test_an_array_that_belongs_nowhere_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"belongs to no part|has the fields"):
        load_explanation(altered(tmp_path, arrays={name: np.zeros(3)}))


def test_an_array_of_the_wrong_shape_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"ConceptScores.scores came as float64\[7\]"):
        load_explanation(altered(tmp_path, arrays={"0.scores": np.zeros(7)}))


def test_a_missing_field_is_refused(tmp_path):
    parts = [{"kind": "statement", "fields": {"title": "a"}}]
    path = tmp_path / "file"
    record = {"target": "t", "score": None, "provenance": {}, "parts": parts}
    path.write_bytes(save({}, {"seewhy": json.dumps({"schema_version": storage.SCHEMA} | record)}))
    with pytest.raises(UsageError, match="lacks a field"):
        load_explanation(path)


def test_too_many_parts_are_refused(tmp_path, monkeypatch):
    path = explanation().save(tmp_path / "file")
    monkeypatch.setattr(storage, "MAX_PARTS", 3)
    with pytest.raises(UsageError, match="6 parts; at most 3"):
        load_explanation(path)


def test_too_large_a_file_is_not_opened(tmp_path, monkeypatch):
    path = explanation().save(tmp_path / "file")
    monkeypatch.setattr(storage, "MAX_FILE_BYTES", 100)
    with pytest.raises(UsageError, match="at most 100 are read"):
        load_explanation(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04\x95pickle",
        (10**12).to_bytes(8, "little") + b"{}",
        save({}, {"seewhy": "[" * 100_000}),
        save({}, {"seewhy": "not json"}),
        save({}, {"seewhy": "[]"}),
        save({}, {"other": "{}"}),
        save({}),
    ],
)
def test_what_is_no_explanation_is_refused(tmp_path, data):
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(UsageError, match="is not an explanation of seewhy"):
        load_explanation(path)


@given(cut=st.floats(0, 0.999))
def test_a_truncated_file_is_refused(tmp_path_factory, cut):
    path = explanation().save(tmp_path_factory.mktemp("cut") / "file")
    data = path.read_bytes()
    path.write_bytes(data[: int(cut * len(data))])
    with pytest.raises(UsageError):
        load_explanation(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*none"):
        load_explanation(tmp_path / "none")


def test_a_part_is_drawn_into_the_axes_given():
    from seewhy.results.draw import new_axes

    axes = new_axes()
    assert explanation().plot(axes) is axes
    assert axes.get_title(loc="left") == "Shares"
    assert explanation().plot(part=-1).get_title(loc="left") == "drawn"


def test_a_part_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="has 6 parts"):
        explanation().plot(part=6)


def test_a_notebook_shows_target_score_and_all_parts():
    html = explanation()._repr_html_()
    assert "<strong>what the model relies on</strong>: 0.83" in html
    assert all(title in html for title in ("Shares", "Similarity", "Verdict", "Matches"))
    assert "</strong></p>" in explanation(score=None)._repr_html_()
