import pytest
from tests.data.narration.drawn.scenes import FOUR, TWO

from seewhy.data.narration.drawn.phrases import Phrase, SceneFacts, read_phrase

PHRASES = [
    Phrase(noun, colour, texture)
    for noun in ("object", "digit", "star", "cross", "7")
    for colour in (None, "orange")
    for texture in (None, "striped")
]


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_phrase_is_read_as_it_is_written(phrase):
    assert read_phrase(phrase.one) == phrase
    if phrase.noun != "7":
        assert read_phrase(phrase.many) == phrase


@pytest.mark.parametrize(
    "text", ["", "red", "red red star", "star red", "orange striped star", "dog"]
)
def test_other_words_are_no_phrase(text):
    assert read_phrase(text) is None


def test_articles_and_numbers_agree():
    assert Phrase("object").indefinite == "an object"
    assert Phrase("star", "orange").indefinite == "an orange star"
    assert Phrase("8").indefinite == "an 8"
    assert Phrase("star", "red").indefinite == "a red star"
    assert Phrase("cross").counted(2) == "two crosses"
    assert Phrase("star", "red").counted(0) == "no red stars"
    assert Phrase("star").counted(1) == "one star"


def test_phrases_fit_what_has_all_that_they_name():
    facts = SceneFacts(FOUR)
    assert facts.places(Phrase()) == [0, 1, 2, 3]
    assert facts.places(Phrase("circle")) == [1, 2]
    assert facts.places(Phrase("circle", texture="plain")) == [2]
    assert facts.places(Phrase("digit")) == [3]
    assert facts.places(Phrase("8")) == []
    assert facts.count(Phrase(colour="blue")) == 3


def test_places_are_quarters_and_relations_are_halves():
    facts = SceneFacts(FOUR)
    assert [facts.where(place) for place in range(4)] == [
        "at the top left", "at the top right", "at the bottom left", "at the bottom right",
    ]  # fmt: skip
    assert facts.relates(0, "left of", 1)
    assert facts.relates(0, "left of", 3)
    assert not facts.relates(0, "left of", 2)
    assert facts.relates(3, "below", 1)
    assert facts.relates(0, "larger than", 1)
    assert not facts.relates(1, "smaller than", 2)
    assert (facts.main, SceneFacts(TWO).main) == (0, None)


def test_unique_names_fit_one_object_and_are_as_short_as_can_be():
    facts = SceneFacts(FOUR)
    assert {name.one for name in facts.unique_names(0)} == {"red star", "star", "red object"}
    assert facts.unique_names(0, hidden=("kind",)) == [Phrase(colour="red")]
    assert facts.unique_names(0, hidden=("colour",)) == [Phrase("star")]
    assert {name.one for name in facts.unique_names(1)} == {
        "striped blue circle", "striped circle", "striped blue object", "striped object",
    }  # fmt: skip
    for place in range(4):
        assert all(facts.places(name) == [place] for name in facts.unique_names(place))
