from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.narration.files import written

from seewhy.base.errors import UsageError
from seewhy.data.narration.concept_words import concept_words_document, read_concept_words


@settings(max_examples=30)
@given(st.lists(st.text("ab_", max_size=6), unique=True), st.randoms())
def test_words_come_back_in_the_order_of_their_places(words, random):
    document = concept_words_document(words)
    shuffled = random.sample(list(document.items()), len(document))
    with TemporaryDirectory() as folder:
        assert read_concept_words(written(Path(folder), dict(shuffled))) == tuple(words)


@pytest.mark.parametrize(
    ("document", "missing"),
    [
        ({"a": 0, "b": 2}, 1), ({"a": 1, "b": 1}, 0), ({"a": "0"}, 0), ({"a": 0, "b": True}, 1),
        ({"a": -1}, 0),
    ],
)  # fmt: skip
def test_a_place_that_is_missing_is_named(tmp_path, document, missing):
    with pytest.raises(UsageError, match=rf"gives no word the place {missing}, .*Wanted are"):
        read_concept_words(written(tmp_path, document))


def test_a_word_that_comes_twice_is_refused():
    with pytest.raises(UsageError, match="'a' comes twice"):
        concept_words_document(["a", "b", "a"])
