import json

import pytest
from hypothesis import given
from hypothesis.strategies import lists, text

from seewhy.base.errors import UsageError
from seewhy.data.banks import ConceptBank, DroppedText, concept_bank, descriptor_bank


def bank(*texts, **options):
    return concept_bank(texts, origin="mine", **options)


def reasons(found):
    return {item.text: item.reason for item in found.dropped}


def test_texts_are_trimmed_and_repeats_are_told():
    found = bank(" long  tail", "Long Tail", "beak", "", "beak ")
    assert found.texts == ("long tail", "beak")
    assert found.dropped == (
        DroppedText("Long Tail", "repeated"),
        DroppedText("", "blank"),
        DroppedText("beak", "repeated"),
    )
    assert found.notes == (
        "mine: 2 left out (repeated), such as 'Long Tail'",
        "mine: 1 left out (blank), such as ''",
    )


@given(given=lists(text(alphabet="ab \tAB", max_size=4), max_size=12))
def test_what_is_kept_differs_and_nothing_is_lost_in_silence(given):
    folded = {" ".join(one.split()).casefold() for one in given} - {""}
    if len(folded) < 2:
        with pytest.raises(UsageError, match="2 to"):
            bank(*given)
        return
    found = bank(*given)
    assert {one.casefold() for one in found.texts} == folded
    assert len(found.texts) == len(folded)
    assert len(found.texts) + len(found.dropped) == len(given)


@pytest.mark.parametrize(
    ("name", "dropped"),
    [
        ("ring", {"a ring", "Rings of metal", "a ring-shaped hole"}),
        ("metal ring", set()),
        ("RING, band", {"a ring", "Rings of metal", "a ring-shaped hole"}),
        ("rings of metal", {"Rings of metal"}),
        ("ring shaped", {"a ring-shaped hole"}),
        ("+", set()),
    ],
)
def test_texts_that_name_a_class_are_left_out(name, dropped):
    texts = ("a ring", "Rings of metal", "a ring-shaped hole", "string", "springs", "tail")
    found = bank(*texts, class_names=[name])
    assert {item.text for item in found.dropped} == dropped
    assert set(found.texts) == set(texts) - dropped


def test_long_texts_are_left_out():
    found = bank("a b c", "a b c d", "e", most_words=3)
    assert found.texts == ("a b c", "e")
    assert reasons(found) == {"a b c d": "too long"}


def test_descriptors_are_pooled_and_remember_their_classes():
    found = descriptor_bank(
        {"owl": ["a beak", "large eyes", "an owl's face"], "hen": ["A beak", "a comb"], "cat": []},
        origin="animals",
        class_names=["comb"],
    )
    assert found.texts == ("a beak", "large eyes")
    assert found.by_class == {"owl": (0, 1), "hen": (0,), "cat": ()}
    assert reasons(found) == {
        "an owl's face": "names a class",
        "A beak": "repeated",
        "a comb": "names a class",
    }


def test_ids_are_places():
    found = bank("red", "green", "blue")
    assert found.ids(["Blue", "red"]) == (2, 0)
    with pytest.raises(UsageError, match="1 of 2 texts are not in mine, such as 'grey'"):
        found.ids(["red", "grey"])


def test_ids_move_up_where_others_go():
    whole = descriptor_bank({"x": ["a", "b", "c"], "y": ["c", "d"]}, origin="mine")
    found = whole.without({1: "unknown words"})
    assert found.texts == ("a", "c", "d")
    assert found.by_class == {"x": (0, 1), "y": (1, 2)}
    assert found.dropped[-1] == DroppedText("b", "unknown words")


def test_the_digest_is_that_of_the_texts_in_order():
    assert bank("a", "b").digest == concept_bank(["a", "b", "A"], origin="other").digest
    assert bank("a", "b").digest != bank("b", "a").digest
    assert ConceptBank(("a, b", "c"), "x").digest != ConceptBank(("a", "b, c"), "x").digest


def test_banks_are_values():
    assert bank("a", "b") == bank("a", "b")
    assert len({bank("a", "b"), bank("a", "b")}) == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "0 text"),
        (["red"], "1 text"),
        (["red", "Red "], r"1 text\(s\) after leaving some out \(1 repeated\)"),
        (["", "  "], "2 blank"),
        (["red", None], "text 1 of mine is None"),
        (["red", 7], "text 1 of mine is 7"),
        ([["red"], "blue"], "text 0 of mine is"),
        (["red", "\ud800"], "no valid Unicode"),
        ("red", "wanted a list"),
    ],
)
def test_what_is_no_bank_is_refused(given, message):
    with pytest.raises(UsageError, match=message):
        concept_bank(given, origin="mine")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("a",), "1 text"),
        (("a", "A"), "repeats another"),
        (("a", " b"), "space to spare"),
        (("a", ""), "not empty"),
    ],
)
def test_a_bank_made_by_hand_is_checked(texts, message):
    with pytest.raises(UsageError, match=message):
        ConceptBank(texts, "x")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"owl": "a beak"}, "class 'owl' has 'a beak'"),
        ({"owl": {"parts": ["a beak"]}}, "class 'owl' has"),
        ({"owl": None}, "class 'owl' has None"),
        ({"owl": ["a beak", ["tail"]]}, "text 1 of mine under 'owl'"),
        ({"": ["a beak"]}, "not empty"),
        ({3: ["a beak"]}, "a class of mine is 3"),
        ({}, "0 text"),
    ],
)
def test_descriptors_of_the_wrong_kind_are_refused(table, message):
    with pytest.raises(UsageError, match=message):
        descriptor_bank(table, origin="mine")


@pytest.mark.parametrize("names", ["ring", [""]])
def test_class_names_are_texts(names):
    with pytest.raises(UsageError, match="class name"):
        bank("a", "b", class_names=names)


def test_a_limit_of_words_is_positive():
    with pytest.raises(UsageError, match="most_words is 0"):
        bank("a", "b", most_words=0)


def test_hostile_texts_are_texts_like_others():
    texts = ("<script>alert(1)</script>", "{{7*7}}", "=cmd()", "\x1b[31mred", "红色", "a\u202eb")
    assert bank(*texts).texts == texts
    json.dumps(bank(*texts).notes)
