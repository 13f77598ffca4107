import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seewhy.base.errors import UsageError
from seewhy.models.editing.words import SPECIAL, EditVocabulary, edit_vocabulary, vocabulary_of

WORDS = EditVocabulary(("a", "red", "circle", "straße"))


def test_ids_stand_in_the_published_order():
    assert (WORDS.pad, WORDS.unknown, WORDS.start, WORDS.end, WORDS.size) == (0, 5, 6, 7, 8)
    assert WORDS.encode(["red", "a", "blue", "straße"]) == [2, 1, 5, 4]
    assert WORDS.decode([6, 2, 5, 0, 3, 7, 0]) == ("red", "<unk>", "circle")


def test_a_caption_cannot_write_special_words():
    assert WORDS.encode(list(SPECIAL)) == [WORDS.unknown] * 4


@given(st.lists(st.sampled_from(WORDS.words)))
def test_known_words_come_back(words):
    assert WORDS.decode(WORDS.encode(words)) == tuple(words)


@pytest.mark.parametrize("id_", [-1, 8, 100])
def test_ids_that_no_word_has_are_refused(id_):
    with pytest.raises(UsageError, match=rf"no word has the id {id_}; ids here are 0 to 7"):
        WORDS.decode([1, id_])


@pytest.mark.parametrize("word", ["", " ", "two words", "red ", "<end>", "<pad>"])
def test_what_is_no_single_word_is_refused(word):
    with pytest.raises(UsageError, match="is no word of a vocabulary"):
        EditVocabulary(("a", word))


def test_a_word_has_one_place():
    with pytest.raises(UsageError, match="'red' twice"):
        EditVocabulary(("red", "a", "red"))


def test_both_kinds_of_file_are_read():
    assert edit_vocabulary(WORDS.to_json()) == WORDS
    assert edit_vocabulary(json.dumps(WORDS.word_map())) == WORDS
    shuffled = dict(sorted(WORDS.word_map().items()))
    assert edit_vocabulary(json.dumps(shuffled)) == WORDS
    assert WORDS.word_map()["<unk>"] == 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no json", "no JSON"),
        ("[1, 2]", "the text"),
        ('{"format": "seewhy.editing-words/1"}', "words: Field required"),
        ('{"format": "seewhy.editing-words/2", "words": []}', "editing-words/2"),
        ('{"format": "seewhy.editing-words/1", "words": ["a", 3]}', "words.1"),
        ('{"format": "seewhy.editing-words/1", "words": ["a", "a"]}', "'a' twice"),
        ('{"a": 1, "<unk>": 2, "<start>": 3, "<end>": 4}', "other ids"),
        ('{"a": 2, "<unk>": 3, "<start>": 4, "<end>": 5, "<pad>": 0}', "other ids"),
        ('{"a": 1, "b": 1, "<unk>": 3, "<start>": 4, "<end>": 5, "<pad>": 0}', "other ids"),
        ('{"a": "1", "<unk>": 1, "<start>": 2, "<end>": 3, "<pad>": 0}', "other ids"),
        ('{"a": true, "<unk>": 2, "<start>": 3, "<end>": 4, "<pad>": 0}', "other ids"),
    ],
)
def test_what_is_no_vocabulary_is_refused(text, told):
    with pytest.raises(UsageError, match=told):
        edit_vocabulary(text)


def test_words_are_counted_and_stand_in_order_of_first_appearance():
    captions = [["b", "a", "b"], ["c", "a", "<unk>", "<unk>"]]
    assert vocabulary_of(captions).words == ("b", "a", "c")
    assert vocabulary_of(captions, least=2).words == ("b", "a")
    assert vocabulary_of([]).size == 4
