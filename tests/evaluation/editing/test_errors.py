import pytest

from seewhy.evaluation.editing.attributes import drawn_word_classes
from seewhy.evaluation.editing.counting import EditedCaption
from seewhy.evaluation.editing.errors import ErrorSettings, caption_errors
from seewhy.models.editing.alignment import edit_script

CLASSES = drawn_word_classes()


def edited(name, before, after, support=0.9):
    script = edit_script(before.split(), after.split(), classes=CLASSES.listed)
    known = tuple(None if each.new is None else support for each in script)
    return EditedCaption(name, script, known)


def errors(edits, *, least=1, **changes):
    return caption_errors(edits, CLASSES, ErrorSettings(least, 100, 0), **changes)


EDITS = [
    edited("one", "a red circle", "a blue circle", support=0.8),
    edited("two", "a red star", "a blue star", support=0.6),
    edited("three", "a red ring", "a red ring"),
    edited("four", "a green green cross", "a green cross"),
    edited("five", "a circle", "a white circle", support=0.5),
]


def test_words_are_counted_as_by_hand():
    found = errors(EDITS)
    assert (found.captions, found.changed) == (5, 4)
    assert (found.overall.count, found.overall.uses) == (3, 15)
    words = {each.word: each for each in found.words}
    assert set(words) == {"red", "green"}
    red = words["red"]
    assert (red.replaced, red.deleted, red.wrong.count, red.wrong.uses) == (2, 0, 2, 3)
    assert red.wrong.value == pytest.approx(2 / 3)
    (blue,) = red.instead
    assert (blue.word, blue.count, blue.support) == ("blue", 2, pytest.approx(0.7))
    assert red.examples == ["one", "two"]
    assert (words["green"].deleted, words["green"].instead[0].word) == (1, None)


def test_replacements_are_shares_of_the_old_word():
    (found,) = errors(EDITS).replacements
    assert (found.old, found.new, found.attribute) == ("red", "blue", "colour")
    assert (found.of_old.count, found.of_old.uses) == (2, 3)
    assert found.support == pytest.approx(0.7)


def test_missed_words_are_shares_of_their_uses_afterwards():
    (found,) = errors(EDITS).missed
    assert (found.word, found.of_new.count, found.of_new.uses) == ("white", 1, 1)
    assert found.support == 0.5


def test_attributes_sum_over_their_words():
    found = {each.name: each for each in errors(EDITS).attributes}
    assert set(found) == {"colour", "kind", "other"}
    colour = found["colour"]
    assert (colour.replaced, colour.within, colour.deleted, colour.inserted) == (2, 2, 1, 1)
    assert (colour.wrong.count, colour.wrong.uses) == (3, 5)
    assert found["other"].wrong.count == 0


def test_a_replacement_by_another_attribute_is_not_within():
    found = {each.name: each for each in errors([edited("x", "a red", "a star")]).attributes}
    assert (found["colour"].replaced, found["colour"].within) == (1, 0)
    assert found["kind"].wrong.value is None


def test_a_word_that_is_wrong_much_more_often_than_others_is_systematic():
    edits = [edited(str(place), "a red circle", "a blue circle") for place in range(10)]
    edits += [edited(f"g{place}", "a green circle", "a green circle") for place in range(9)]
    edits.append(edited("odd", "a green circle", "a white circle"))
    words = {each.word: each.is_systematic for each in errors(edits).words}
    assert words == {"red": True, "green": False}


def test_what_an_editor_does_not_know_is_no_error_of_the_captioner():
    edits = [edited(str(place), "a dog", "a circle") for place in range(20)]
    edits += [edited(f"k{place}", "a red star", "a red star") for place in range(20)]
    (found,) = errors(edits, unknown={"dog"}).words
    assert (found.is_known, found.is_systematic) == (False, False)
    assert errors(edits).words[0].is_systematic


def test_rare_words_have_no_row_but_count():
    found = errors(EDITS, least=3)
    assert [each.word for each in found.words] == ["red"]
    assert found.missed == []
    assert found.overall == errors(EDITS).overall


def test_support_may_be_unknown():
    script = edit_script(["a", "red"], ["a", "blue"])
    found = errors([EditedCaption("x", script, (None,) * len(script))])
    assert found.replacements[0].support is None


def test_no_edit_and_no_word_are_no_error():
    found = errors([])
    assert (found.captions, found.overall.value, found.words) == (0, None, [])
    assert errors([edited("x", "", "")]).overall.value is None
