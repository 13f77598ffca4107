import numpy as np
import pytest

from seewhy.data.narration.drawn.dataset import DRAWN_TASKS, drawn_narrations
from seewhy.data.narration.drawn.phrases import SceneFacts, read_phrase
from seewhy.telling.nouns import statements


def phrases(reason, answer=""):
    return [phrase for each in statements(reason, answer=answer) for phrase in each.phrases]


def texts(reason):
    return [f"{'no ' * each.is_negated}{each.text}" for each in phrases(reason)]


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("there is a red circle at the top left", ["a red circle"]),
        ("there are two green squares", ["a green square"]),
        ("there is no striped 8", ["no a striped 8"]),
        ("the orange object is a star", ["an orange star"]),
        ("the circle is red not blue", ["a red circle", "no a blue circle"]),
        ("the circle is not red", ["a circle", "no a red circle"]),
        ("object2 is dotted", ["a dotted object"]),
        ("it is round and it is the largest object", []),
        ("only the star is red", ["a red star"]),
        ("only the red star is not blue", ["a red star"]),
        ("all objects but the star are red", ["a star", "a red object"]),
        ("there are more circles than squares", ["a circle"]),
        ("there are fewer circles than squares", ["a square"]),
        ("there are as many circles as squares", []),
        ("the ring is left of the blue square", ["a ring", "a blue square"]),
        ("nothing shows whether the ring is old", ["a ring"]),
    ],
)
def test_reasons_of_drawn_questions_name_what_must_be_there(reason, wanted):
    assert texts(reason) == wanted


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        ("The man is wearing a helmet and riding a motorcycle.", ["man", "helmet", "motorcycle"]),
        ("the sky is blue, and there is no snow on the ground", ["blue sky", "no snow", "ground"]),
        ("a running dog sits on the green grass", ["running dog", "green grass"]),
        ("the dog is not wet", ["dog", "no wet dog"]),
        ("the car is parked on the street", ["parked car", "street"]),
        ("they are without coats", ["no coats"]),
        ("because it is", []),
    ],
)
def test_plain_english_names_things(reason, wanted):
    assert texts(reason) == wanted


def test_words_are_counted_through_the_whole_reason():
    reason = "the sky is blue, and there is a red circle at the top"
    words = reason.split()
    spoken = [[words[place].strip(",") for place in each.words] for each in phrases(reason)]
    assert spoken == [["sky", "blue"], ["red", "circle"]]
    assert [each.place for each in phrases(reason)] == [None, "top"]


def test_a_place_belongs_to_what_is_named_last_and_to_nothing_that_is_not_there():
    (first, second) = phrases("the star is red and the ring is on the left")
    assert (first.place, second.place) == (None, "left")
    assert phrases("the ring is not at the top")[0].place is None


def test_it_is_the_answer_where_that_is_a_thing():
    found = phrases("it is round and it is red", "circle")
    assert [(each.text, each.words) for each in found] == [
        ("a circle", (0,)),
        ("a red circle", (4, 6)),
    ]
    assert [each.text for each in phrases("it is round and it is red", "yes")] == ["a red object"]


@pytest.mark.parametrize("reason", ["", " ", "and", ", .", "and and ,"])
def test_nothing_is_found_in_nothing(reason):
    assert phrases(reason) == []


def test_true_reasons_name_what_the_scene_has():
    """The truth checker's own reasons: each name fits an object, each negated one fits none."""
    checked = 0
    for drawn in drawn_narrations(140, tasks=DRAWN_TASKS, seed=3):
        facts = SceneFacts(drawn.scene)
        for reason in drawn.record.explanations:
            for phrase in phrases(reason, drawn.record.votes[0].text):
                read = read_phrase(phrase.text.partition(" ")[2])
                assert read is not None, (reason, phrase)
                assert (facts.count(read) > 0) != phrase.is_negated, (reason, phrase)
                if phrase.place is not None:
                    where = facts.places(read)
                    assert any(_lies(facts, place, phrase.place) for place in where), reason
                checked += 1
    assert checked > 150


def _lies(facts, place, words):
    right, bottom = facts.cell(place)
    sides = {"left": not right, "right": right, "top": not bottom, "bottom": bottom}
    return bool(np.all([sides[word] for word in words.split()]))
