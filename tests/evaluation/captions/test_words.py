import pytest
from hypothesis import given
from hypothesis.strategies import text
from tests.evaluation.captions.golden import pairs, stored

from seewhy.evaluation.captions.words import PUNCTUATION, caption_words


def test_words_are_those_of_the_published_tokenizer():
    expected = stored("nlg.json")
    for pair, candidate, references in zip(
        pairs(), expected["ptb_candidates"], expected["ptb_references"], strict=True
    ):
        assert " ".join(caption_words(pair["candidate"])) == candidate
        assert [" ".join(caption_words(each)) for each in pair["references"]] == references


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  \n ", []),
        ("It CANNOT be, can it?", ["it", "can", "not", "be", "can", "it"]),
        ("they’re gonna win", ["they", "'re", "gon", "na", "win"]),
        ("1,000 at 10:30, 3.5 m", ["1,000", "at", "10:30", "3.5", "m"]),
        ("the dogs' bowls -- two...", ["the", "dogs", "bowls", "two"]),
        ("mr. smith of the u.s. army.", ["mr.", "smith", "of", "the", "u.s.", "army"]),
        ("o'clock he/she 12x12 1950s", ["o'clock", "he/she", "12x12", "1950s"]),
        ('the sign "stop", [left]', ["the", "sign", "stop", "-lsb-", "left", "-rsb-"]),
        ("Ein schöner Löwe", ["ein", "schöner", "löwe"]),
        ("一只猫。", ["一只猫", "。"]),
        ("caf\ufffd wih\\th", ["caf", "wih", "\\", "th"]),
    ],
)
def test_words_by_hand(text, words):
    assert list(caption_words(text)) == words


@given(text())
def test_any_text_has_words_without_spaces_and_punctuation(given_text):
    words = caption_words(given_text)
    assert all(word and not any(mark.isspace() for mark in word) for word in words)
    assert not PUNCTUATION & set(words)
