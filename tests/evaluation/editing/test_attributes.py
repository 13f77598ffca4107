import json

import pytest

from seewhy.base.errors import UsageError
from seewhy.evaluation.editing.attributes import (
    drawn_word_classes,
    named_word_classes,
    word_classes,
)


def test_words_of_drawn_scenes_have_their_attributes():
    classes = drawn_word_classes()
    assert [classes.of(word) for word in ("red", "star", "below", "left", "of", "dog")] == [
        "colour", "kind", "relation", "relation", "other", "other",
    ]  # fmt: skip
    assert classes.attributes == ("colour", "kind", "relation", "other")


def test_a_file_says_what_words_speak_of(tmp_path):
    path = tmp_path / "words.json"
    path.write_text(json.dumps({"animal": ["Dog", "cat"], "number": ["two"]}), encoding="utf-8")
    classes = named_word_classes(str(path))
    assert (classes.name, classes.of("dog"), classes.of("red")) == ("words.json", "animal", "other")
    assert named_word_classes("drawn") == drawn_word_classes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "no attribute"),
        ({"other": ["x"]}, "for all else"),
        ({"animal": "dog"}, "'animal'"),
        (["dog"], "a list of 1"),
        ({"animal": ["polar bear"]}, "2 words"),
        ({"animal": ["..."]}, "0 words"),
        ({"animal": ["bat"], "tool": ["bat"]}, "as 'animal' and as 'tool'"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    path = tmp_path / "words.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        named_word_classes(str(path))


def test_a_word_may_stand_twice_in_one_list():
    assert word_classes("mine", {"animal": ["dog", "DOG"]}).listed == {"dog": "animal"}
