import pytest
from hypothesis import given
from hypothesis.strategies import integers

from seewhy.data.editing.drawn import drawn_edit, edit_scene
from seewhy.data.editing.facts import EditFacts
from seewhy.evaluation.editing.faults import HIDDEN, drawn_faults

FACTS = EditFacts("red", "circle", "above", "blue", "star")


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("a red circle is above a blue star", set()),
        ("a green circle is above a blue star", {"colour"}),
        ("an orange circle is above a blue star", {"colour"}),
        ("a red ring is above a blue star", {"kind"}),
        ("a red circle is below a blue star", {"relation"}),
        ("a red circle is left of a blue star", {"relation"}),
        ("a red circle is above a blue square", {"other kind"}),
        ("a red circle is above a blue circle", {"repeated noun"}),
        ("a red circle is above a white star", {HIDDEN}),
        ("a red circle is above an orange star", {HIDDEN}),
        ("a circle is above a blue star", {"dropped word"}),
        ("a red circle is is above a blue star", {"inserted word"}),
        ("a circle red is above a blue star", {"swapped words"}),
        ("a red circle above is a blue star", {"swapped words"}),
        ("a red circle of above a blue star", {"wrong word"}),
        ("a green circle is above a blue", {"colour", "dropped word"}),
        ("a red ring is left of a blue star", {"kind", "relation"}),
        ("", {"dropped word"}),
    ],
)
def test_faults_are_named_by_their_kinds(text, kinds):
    assert drawn_faults(text.split(), FACTS) == kinds


@given(number=integers(0, 5000))
def test_planted_faults_can_be_told_and_no_caption_is_wrong_without(number):
    """What the alignment cannot tell is a fault all the same, under another name."""
    record = drawn_edit(number)
    found = drawn_faults(record.caption, edit_scene(number).facts)
    assert bool(found) == (record.caption != record.truth)
    assert HIDDEN not in found or len(record.corruptions) > 1


def test_single_planted_faults_are_told_by_their_own_name_almost_always():
    told = [
        record.corruptions[0].kind in drawn_faults(record.caption, edit_scene(number).facts)
        for number in range(400)
        if len((record := drawn_edit(number)).corruptions) == 1
    ]
    assert sum(told) / len(told) > 0.95
