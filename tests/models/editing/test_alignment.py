"""Edit scripts: they lead from old to new with the fewest edits, and ties have a reason."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis.strategies import lists, sampled_from

from seewhy.models.editing.alignment import edit_distance, edit_script, likeness

TEXTS = lists(sampled_from(["a", "b", "ab", "c"]), max_size=7)
CLASSES = {"red": "colour", "blue": "colour", "circle": "kind", "star": "kind"}


def short(operations):
    """Kept words as they are, -deleted, +inserted, old>new."""
    forms = {"keep": "{old}", "delete": "-{old}", "insert": "+{new}", "replace": "{old}>{new}"}
    return " ".join(forms[each.kind].format(old=each.old, new=each.new) for each in operations)


def script(old, new, **more):
    return short(edit_script(old.split(), new.split(), **more))


@given(old=TEXTS, new=TEXTS)
def test_a_script_leads_from_old_to_new_in_reading_order(old, new):
    operations = edit_script(old, new)
    assert [each.old for each in operations if each.kind != "insert"] == old
    assert [each.new for each in operations if each.kind != "delete"] == new
    sources = [each.source for each in operations if each.source is not None]
    targets = [each.target for each in operations if each.target is not None]
    assert sources == list(range(len(old)))
    assert targets == list(range(len(new)))
    for each in operations:
        assert (each.old is None) == (each.source is None) == (each.kind == "insert")
        assert (each.new is None) == (each.target is None) == (each.kind == "delete")
        assert (each.old == each.new) == (each.kind == "keep")


@given(old=TEXTS, new=TEXTS)
def test_it_is_as_short_as_any_and_keeps_as_much_as_any_so_short(old, new):
    @cache
    def least(row, col):
        """Edits, and words lost of the old ones, by all ways."""
        if row == len(old) or col == len(new):
            left = len(old) - row
            return (left + len(new) - col, left)
        same = old[row] == new[col]
        ways = [(not same, not same, 1, 1), (1, 1, 1, 0), (1, 0, 0, 1)]
        found = []
        for edits, lost, down, right in ways:
            rest = least(row + down, col + right)
            found.append((edits + rest[0], lost + rest[1]))
        return min(found)

    operations = edit_script(old, new)
    kept = sum(each.kind == "keep" for each in operations)
    assert (edit_distance(operations), len(old) - kept) == least(0, 0)


@given(text=TEXTS)
def test_nothing_changes_between_equal_captions(text):
    assert {each.kind for each in edit_script(text, text)} <= {"keep"}


@given(old=TEXTS, new=TEXTS)
def test_the_distance_is_the_same_both_ways(old, new):
    assert edit_distance(edit_script(old, new)) == edit_distance(edit_script(new, old))


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("a red circle", "a blue circle", "a red>blue circle"),
        ("a red red circle", "a red circle", "a red -red circle"),
        ("a circle", "a red circle", "a +red circle"),
        ("a is circle red", "a circle is red", "a -is circle +is red"),
        ("", "red", "+red"),
        ("red", "", "-red"),
        ("", "", ""),
        # More is kept than if both words were replaced.
        ("a b", "b c", "-a b +c"),
        # Without classes, words that begin alike.
        ("two dogs", "dog", "-two dogs>dog"),
        ("dogs two", "dog", "dogs>dog -two"),
        ("x y", "z", "x>z -y"),
    ],
)
def test_cases(old, new, wanted):
    assert script(old, new) == wanted


def test_like_is_replaced_by_like():
    assert script("red circle", "blue") == "red>blue -circle"
    assert script("circle red", "blue") == "circle>blue -red"
    assert script("circle red", "blue", classes=CLASSES) == "-circle red>blue"
    assert script("red circle", "star", classes=CLASSES) == "-red circle>star"


def test_likeness():
    assert likeness("red", "blue", CLASSES) == 1
    assert likeness("red", "star", CLASSES) == 0
    assert likeness("star", "stars", CLASSES) == pytest.approx(4 / 5)
    assert likeness("", "", {}) == 0
