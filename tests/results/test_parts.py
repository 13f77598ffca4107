from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from tests.results.examples import curve, explanation, heatmap, matches, picture, scores

from seewhy.base.errors import UsageError
from seewhy.results.parts import PART_KINDS, Statement, part_fields, part_kind


def test_parts_are_frozen_and_keep_their_own_arrays():
    array = np.array([0.1, 0.2, 0.3])
    part = scores(scores=array)
    array[0] = 9
    assert part.scores[0] == 0.1
    with pytest.raises(ValueError, match="read-only"):
        part.scores[0] = 1
    with pytest.raises(FrozenInstanceError):
        part.title = "other"


def test_every_kind_has_one_name():
    assert [part_kind(part) for part in explanation().parts] == list(PART_KINDS)


def test_fields_that_are_not_set_are_left_out():
    assert set(part_fields(scores(low=None, high=None))) == {"title", "names", "scores", "unit"}


@pytest.mark.parametrize(
    ("make", "changes", "message"),
    [
        (scores, {"title": 3}, "title must be text"),
        (scores, {"names": ["a", "b", "c"]}, "tuple of texts"),
        (scores, {"names": ("a", "b", 3)}, "tuple of texts"),
        (scores, {"unit": "metres"}, "known units: share"),
        (scores, {"scores": np.zeros(2)}, r"float64\[2\]; expected .* shape \[3\]"),
        (scores, {"scores": [1.0, 2.0, 3.0]}, "came as list"),
        (scores, {"scores": np.zeros(3, dtype=int)}, "floating numbers"),
        (scores, {"scores": None}, "came as NoneType"),
        (scores, {"scores": np.array([np.inf, 0, 0])}, "infinite"),
        (scores, {"low": None}, "come together"),
        (scores, {"low": np.ones(3)}, "above `high`"),
        (curve, {"positions": np.zeros((2, 2))}, r"shape \[0\]"),
        (curve, {"positions": np.array([0.0, 2.0, 1.0, 3.0])}, "must rise"),
        (curve, {"ticks": ("one",)}, "names 1 points"),
        (curve, {"values": np.zeros((4, 2))}, r"shape \[2, 4\]"),
        (matches, {"layer_of": np.array([0, 1, 2])}, "outside its 2 layers"),
        (matches, {"layer_of": np.array([-1, 0, 1])}, "outside its 2 layers"),
        (matches, {"channels": np.array([1.0, 2.0, 3.0])}, "integer numbers"),
        (matches, {"channels": np.array([1, 2])}, r"shape \[3\]"),
        (heatmap, {"title": None}, "title must be text"),
        (heatmap, {"values": np.zeros(3)}, r"float64\[3\]; expected .* shape \[1, 1\]"),
        (heatmap, {"values": np.zeros((0, 3))}, r"shape \[1, 1\]"),
        (heatmap, {"values": np.zeros((2, 3), dtype=int)}, "floating numbers"),
        (heatmap, {"values": np.full((2, 3), np.inf)}, "infinite"),
        (heatmap, {"unit": "metres"}, "known units"),
        (heatmap, {"frame": "room"}, "known frames: grid, input, image"),
        (picture, {"title": None}, "title must be text"),
        (picture, {"pixels": np.zeros((2, 2, 3))}, "unsigned integer numbers"),
        (picture, {"pixels": np.zeros((2, 2, 4), dtype=np.uint8)}, r"shape \[1, 1, 3\]"),
    ],
)
def test_what_does_not_fit_is_refused(make, changes, message):
    with pytest.raises(UsageError, match=message):
        make(**changes)


def test_a_statement_is_text():
    with pytest.raises(UsageError, match=r"Statement\.text must be text, not NoneType"):
        Statement("title", None)


def test_no_units_is_no_error():
    empty = np.zeros(0, dtype=int)
    assert matches(layers=(), layer_of=empty, channels=empty, scores=np.zeros(0)).scores.size == 0
