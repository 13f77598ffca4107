import pytest
import torch
from hypothesis import given
from hypothesis.strategies import lists, sampled_from

from seewhy.base.errors import UsageError
from seewhy.data.claims import attribute_claims, canonical_phrase, vocabulary
from seewhy.models.vocabulary import WordTokenizer

WORDS = ("a", "digit", "red", "the", "5", "8")
TOKENIZER = WordTokenizer(WORDS, context_length=8)


def test_ids_of_a_text_by_hand():
    ids = TOKENIZER(["the red digit 8", "a"])
    assert ids.tolist() == [[1, 5, 4, 3, 7, 8, 0, 0], [1, 2, 8, 0, 0, 0, 0, 0]]
    assert ids.dtype == torch.int64
    assert TOKENIZER.vocab_size == 9


@given(words=lists(sampled_from(WORDS), max_size=6))
def test_ids_lead_back_to_the_words_and_the_end_is_the_largest_id(words):
    ids = TOKENIZER([" ".join(words)])[0]
    end = int(ids.argmax())
    assert ids[0] == 1
    assert ids[end] == TOKENIZER.vocab_size - 1
    assert [WORDS[number - 2] for number in ids[1:end].tolist()] == words
    assert TOKENIZER.decode(ids[1:end].tolist()) == "".join(f"{word} " for word in words)
    assert (ids[end + 1 :] == 0).all()


def test_every_id_is_below_the_size_of_the_vocabulary_and_no_two_words_share_one():
    ids = [int(TOKENIZER([word])[0, 1]) for word in WORDS]
    assert sorted(ids) == list(range(2, TOKENIZER.vocab_size - 1))


def test_a_single_text_is_a_batch_of_one_and_no_texts_are_an_empty_batch():
    assert torch.equal(TOKENIZER("a red digit"), TOKENIZER(["a red digit"]))
    assert TOKENIZER([]).shape == (0, 8)


@pytest.mark.parametrize(
    "text", ["A Red  DIGIT!", " a\tred\ndigit.", "a-red-digit", "a red, digit?"]
)
def test_case_space_and_punctuation_do_not_count(text):
    assert torch.equal(TOKENIZER([text]), TOKENIZER(["a red digit"]))


def test_numbers_are_read_digit_by_digit_and_apart_from_letters():
    assert WordTokenizer.split("58 a5b") == ["5", "8", "a", "5", "b"]


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("a red dog and a cat", ("dog", "and", "cat")),
        ("dog, dog; Dog!", ("dog",)),
        ("the 7", ("7",)),
        ("ein grünes Café", ("ein", "grünes", "café")),
        ("a красный digit", ("красный",)),
        ("a 赤い digit", ("赤い",)),
        ("the digit ٣", ("٣",)),
        ("redgreen", ("redgreen",)),
        ("a red digit 5", ()),
        ("", ()),
    ],
)
def test_unknown_words_are_named_whole_in_order_and_once(text, unknown):
    assert TOKENIZER.unknown_words(text) == unknown


def test_unknown_words_of_all_texts_are_refused_by_name_with_the_known_ones():
    with pytest.raises(UsageError) as caught:
        TOKENIZER(["a dog", "a red cat", "a dog"])
    message = str(caught.value)
    assert message.startswith("unknown words: 'dog', 'cat'. This text tower knows 6 words: a digit")
    assert "open_clip:RN50/openai" in message


def test_the_longest_text_fits_and_one_more_word_is_refused():
    assert TOKENIZER(["a red digit 5 8 8"])[0, -1] == 8
    with pytest.raises(UsageError, match=r"'a red digit 5 8 8 8' has 7 words; at most 6 fit"):
        TOKENIZER(["a red digit 5 8 8 8"])


def test_the_words_of_the_drawn_scenes_hold_every_plain_caption():
    tokenizer = WordTokenizer(vocabulary(), context_length=24)
    texts = [canonical_phrase(c) for group in attribute_claims().values() for c in group.values()]
    assert len({tuple(row) for row in tokenizer(texts).tolist()}) == len(texts)
