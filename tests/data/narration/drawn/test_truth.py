import re

import pytest
from tests.data.narration.drawn.scenes import FOUR, TWO

from seewhy.data.narration.drawn.dataset import DRAWN_TASKS, drawn_captions, drawn_narrations
from seewhy.data.narration.drawn.truth import check_statements, truth_of
from seewhy.data.scenes import COLOURS, SHAPES

TRUE = [
    "there is a star",
    "there is an object on the left",
    "i see a striped blue circle at the top right",
    "there are two blue circles",
    "there is only one red object",
    "there are no rings",
    "there is no red circle",
    "there is one circle at the top",
    "i count three blue objects",
    "there are more circles than stars",
    "there are fewer digits than circles",
    "there are as many stars as digits",
    "every corner has an object",
    "all objects but the star are blue",
    "only the star is red",
    "only the 7 is a digit",
    "only the red star is not blue",
    "only the star is at the top left",
    "the star is red",
    "the star is red not blue",
    "the star is not blue",
    "the 7 is at the bottom right",
    "the red object is a star",
    "the striped circle is blue",
    "the star is left of the 7",
    "the star is above the 7",
    "object1 is right of object2",
    "object1 is striped",
    "it is red",
    "it is the largest object",
    "it has five points",
    "object2 has no corners",
    "the star is larger than the 7",
    "nothing shows whether the star is heavy",
    "because The star is red, and the 7 is blue.",
]
FALSE = [
    "there is a ring",
    "there is a star on the right",
    "there is a striped star",
    "there are three blue circles",
    "there is one circle",
    "there are no circles",
    "there are fewer circles than stars",
    "there are more stars than digits",
    "there are as many stars as circles",
    "all objects but the 7 are blue",
    "all objects but the star are circles",
    "all objects are blue",
    "both objects are at the top",
    "only the 7 is blue",
    "only the circle is blue",
    "only the star is not red",
    "the star is blue",
    "the star is red not red",
    "the star is not red",
    "the circle is blue",
    "the ring is red",
    "object7 is red",
    "the 7 is at the top right",
    "the red object is a circle",
    "the star is right of the 7",
    "the star is left of object2",
    "the 7 is the largest object",
    "the star is smaller than the 7",
    "it has three corners",
    "the 7 has a hole",
    "nothing shows whether the ring is heavy",
    "the star is red and the 7 is red",
    "there is a star and it barks and there is a ring",
]
UNKNOWN = [
    "",
    "the star",
    "there is a dog",
    "the star barks",
    "the star is happy",
    "because",
    "there are five stars",
    "the star is red and it barks",
]


@pytest.mark.parametrize("reason", TRUE)
def test_true_reasons_hold(reason):
    assert truth_of(reason, FOUR) == "true"


@pytest.mark.parametrize("reason", FALSE)
def test_false_reasons_do_not(reason):
    assert truth_of(reason, FOUR) == "false"


@pytest.mark.parametrize("reason", UNKNOWN)
def test_other_words_are_not_understood(reason):
    assert truth_of(reason, FOUR) == "not understood"


def test_both_needs_two_and_the_largest_needs_one():
    assert truth_of("both objects are at the bottom", TWO) == "true"
    assert truth_of("all objects are at the bottom", TWO) == "true"
    assert truth_of("every corner has an object", TWO) == "false"
    assert truth_of("it is green", TWO) == "false"
    assert truth_of("only the 8 is white and all objects but the 8 are rings", TWO) == "true"


def test_each_statement_has_a_verdict_of_its_own():
    found = check_statements("the star is red and it barks and there is a ring", FOUR)
    assert [(each.text, each.verdict) for each in found] == [
        ("the star is red", "true"),
        ("it barks", "not understood"),
        ("there is a ring", "false"),
    ]


MADE = [*drawn_narrations(1400, seed=11), *drawn_captions(100, seed=11)]
REASONS = [(made, reason) for made in MADE for reason in made.record.explanations]


def test_every_generated_reason_is_true():
    assert {made.record.task for made, _ in REASONS} == {*DRAWN_TASKS, "captions"}
    assert [reason for made, reason in REASONS if truth_of(reason, made.scene) != "true"] == []


def corrupted(pattern, change):
    """Reasons in which one word was changed, beside their scene."""
    for made, reason in REASONS:
        for match in re.finditer(pattern, reason):
            words = change(match[0], made.scene)
            yield reason[: match.start()] + words + reason[match.end() :], made.scene


def absent(value, values, present):
    return next(each for each in values if each not in present and each != value)


def absent_colour(colour, scene):
    return absent(colour, COLOURS, {item.colour for item in scene.objects})


def absent_shape(kind, scene):
    return absent(kind, SHAPES, {item.kind for item in scene.objects})


def other_number(word, scene):
    return {"one": "two", "two": "three", "three": "four", "four": "three"}[word]


SWAPS = {
    "left of": "right of", "right of": "left of", "above": "below", "below": "above",
    "larger": "smaller", "smaller": "larger", "more": "fewer", "fewer": "more",
    "top": "bottom", "bottom": "top", "left": "right", "right": "left",
}  # fmt: skip
A_COLOUR = "|".join(COLOURS)
A_SHAPE = "|".join(SHAPES)
CORRUPTIONS = {
    "colour of a named object": (rf"(?<=is )({A_COLOUR})(?= |$)(?! object)", absent_colour, 200),
    "colour in a name": (rf"(?<=the )({A_COLOUR})(?= )", absent_colour, 200),
    "colour of something there": (rf"(?<=there is a )({A_COLOUR})(?= )", absent_colour, 200),
    "shape in a name": (rf"(?<=the )({A_SHAPE})(?= is)", absent_shape, 200),
    "shape of something there": (rf"(?<=there is a )({A_SHAPE})(?= |$)", absent_shape, 10),
    "number": (r"(?<=are )(two|three|four)(?= )|(?<=is )one(?= )", other_number, 100),
    "relation": (r"left of|right of|above|below|larger|smaller", lambda w, _: SWAPS[w], 100),
    "comparison": (r"(?<=are )(more|fewer)", lambda w, _: SWAPS[w], 30),
    "place": (r"(?<=is at the )(top|bottom)", lambda w, _: SWAPS[w], 200),
    "feature": (r"has (three|four) corners|has five points", lambda *_: "has two bars", 50),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_reason_with_one_wrong_word_is_false(name):
    pattern, change, fewest = CORRUPTIONS[name]
    found = list(corrupted(pattern, change))
    assert len(found) >= fewest
    kept = [(text, scene) for text, scene in found if " not " not in text and "whether" not in text]
    assert [text for text, scene in kept if truth_of(text, scene) != "false"] == []
