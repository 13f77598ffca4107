import numpy as np
import pytest

from seewhy.base.errors import UsageError
from seewhy.evaluation.editing.repairs import KnownEdit, repairs

TRUTH = ("a", "red", "circle")


def known(before, after, *, faults=(), seen=None, left=()):
    return KnownEdit(
        tuple(before.split()),
        tuple(after.split()),
        TRUTH,
        frozenset(faults),
        frozenset(faults if seen is None else seen),
        frozenset(left),
    )


MENDED = known("a blue circle", "a red circle", faults=["colour"])
MISSED = known("a blue circle", "a blue circle", faults=["colour"], left=["colour"])
BROKEN = known("a red circle", "a green circle", left=["colour"])
KEPT = known("a red circle", "a red circle")
SWAPPED = known("a blue circle", "a red ring", faults=["colour"], left=["kind"])


def test_shares_are_those_of_a_case_counted_by_hand():
    found = repairs([MENDED, MISSED, BROKEN, KEPT, SWAPPED], kinds=["colour", "kind"])
    values = {name: each.value for name, each in found.figures.items()}
    assert values == {
        "exact": 2 / 5, "exact before": 2 / 5, "gain": 0, "clean kept": 1 / 2, "repaired": 1 / 3,
    }  # fmt: skip
    colour, kind = found.kinds["colour"], found.kinds["kind"]
    assert (colour.faulty, colour.mended.value, colour.broken.value) == (3, 2 / 3, 1 / 2)
    assert colour.gain.value == pytest.approx(2 / 3 - 1 / 2)
    assert (kind.faulty, kind.broken.value) == (0, 1 / 5)
    assert np.isnan([kind.mended.value, kind.gain.value]).all()


def test_a_fault_that_cannot_be_told_counts_as_mended_in_a_right_caption_only():
    hidden = {"faults": ["swapped words"], "seen": ["dropped word"]}
    still = known("x", "a blue circle", **hidden, left=["colour"])
    right = known("x", "a red circle", **hidden)
    assert not still.is_mended("swapped words")
    assert right.is_mended("swapped words")


def test_what_was_wrong_before_is_not_broken():
    assert not MISSED.is_broken("colour")
    told = known("a blue circle", "a blue circle", faults=[], seen=["colour"], left=["colour"])
    assert not told.is_broken("colour")
    assert BROKEN.is_broken("colour")


def test_intervals_hold_their_values_and_are_the_same_again():
    edits = [MENDED, MISSED, BROKEN, KEPT] * 10
    found, again = (repairs(edits, kinds=["colour"], seed=3) for _ in range(2))
    for name, each in found.figures.items():
        assert each.low <= each.value <= each.high
        assert again.figures[name] == each
    assert found.kinds["colour"].gain.low < 0 < found.kinds["colour"].gain.high


def test_no_caption_is_refused():
    with pytest.raises(UsageError, match="one or more"):
        repairs([], kinds=[])
