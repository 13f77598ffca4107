import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seewhy.base.errors import UsageError
from seewhy.models.narration.tokens import (
    END,
    SPECIAL,
    UNKNOWN,
    WordTokenizer,
    build_word_tokenizer,
    forbidden_ids,
    word_tokenizer,
)

texts = st.lists(st.text("abc ", max_size=10), max_size=5)


def test_a_word_behind_a_space_is_another_token():
    tokenizer = build_word_tokenizer(["the cat", " the  cat"])
    assert tokenizer.words == ("the", "Ġcat", "Ġthe")
    assert tokenizer.tokens("the cat") == ["the", "Ġcat"]
    assert tokenizer.tokens(" the  cat") == ["Ġthe", "Ġcat"]
    assert tokenizer.tokens("  ") == []
    assert tokenizer.ids(["Ġthe", "cat", END, UNKNOWN, *SPECIAL]) == [2, 4, 3, 4, *range(5, 11)]
    assert tokenizer.size == 11
    assert tokenizer.unknown_words("cat the dog the dog") == ("cat", "dog")


def test_special_tokens_come_in_the_published_order():
    tokenizer = build_word_tokenizer(["a"])
    pad, *rest = tokenizer.ids(
        ["<pad>", "<question>", "<answer>", "<explanation>", "<objects>", "<noobject>"]
    )
    assert rest == [pad + step for step in range(1, 6)]
    assert forbidden_ids(tokenizer) == [pad, *rest, *tokenizer.ids([UNKNOWN])]


@given(texts)
def test_known_texts_come_back_and_so_does_the_vocabulary(known):
    tokenizer = build_word_tokenizer(known, objects=3)
    assert word_tokenizer(tokenizer.to_json()) == tokenizer
    for text in known:
        assert tokenizer.unknown_words(text) == ()
        ids = [*tokenizer.ids(tokenizer.tokens(text)), *tokenizer.ids([END, "<pad>"])]
        assert tokenizer.text(ids) == " ".join(text.split())
    assert tokenizer.ids(["Ġ2"]) != tokenizer.ids([UNKNOWN])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no vocabulary of words"),
        (json.dumps({"format": "seewhy.words/1", "words": [1]}), "words.0"),
        (json.dumps({"format": "other", "words": []}), "format 'other'"),
        (json.dumps({"format": "seewhy.words/1", "words": [], "more": 1}), "more"),
        (json.dumps({"format": "seewhy.words/1", "words": ["a", "a"]}), "'a' twice"),
    ],
)
def test_another_text_is_no_vocabulary(text, message):
    with pytest.raises(UsageError, match=message):
        word_tokenizer(text)


def test_a_word_cannot_be_a_special_token():
    with pytest.raises(UsageError, match="'<pad>' twice"):
        WordTokenizer(("<pad>",))
